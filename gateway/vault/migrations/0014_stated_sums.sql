-- What a processor says that it took, where that is not what was asked for. It may be more: `captured` is
-- not bounded by `amount` any more. A column's check goes with the column alone, and what names the column
-- stands in its way.

ALTER TABLE charge ADD COLUMN stated_amount INTEGER CHECK (stated_amount >= 0);
ALTER TABLE charge ADD COLUMN stated_currency TEXT;
ALTER TABLE charge_event ADD COLUMN stated_amount INTEGER CHECK (stated_amount >= 0);
ALTER TABLE charge_event ADD COLUMN stated_currency TEXT;

DROP TRIGGER collection_sees_charge;

ALTER TABLE charge ADD COLUMN taken INTEGER NOT NULL DEFAULT 0 CHECK (taken >= 0);
ALTER TABLE charge ADD COLUMN returned INTEGER NOT NULL DEFAULT 0
    CHECK (returned BETWEEN 0 AND taken);
UPDATE charge SET taken = captured, returned = refunded;
ALTER TABLE charge DROP COLUMN refunded;
ALTER TABLE charge DROP COLUMN captured;
ALTER TABLE charge RENAME COLUMN taken TO captured;
ALTER TABLE charge RENAME COLUMN returned TO refunded;

-- As it was.
CREATE TRIGGER collection_sees_charge AFTER UPDATE ON charge
WHEN new.state <> old.state OR new.captured <> old.captured OR new.refunded <> old.refunded
    OR new.operation IS NOT old.operation
BEGIN
    UPDATE collection SET due = new.created
    WHERE number IN (SELECT collection FROM collection_charge WHERE charge = new.id);
END;
