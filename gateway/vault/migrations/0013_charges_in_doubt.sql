-- Charges in doubt are counted every few seconds, beside all that were ever made.
CREATE INDEX charge_in_doubt ON charge (processor, sent) WHERE operation IS NOT NULL;
