-- The roles of a vault on PostgreSQL. Run it as an administrator, connected to the vault's own database,
-- once before the first `card-gateway vault upgrade` and again after each: what it grants, it grants anew.
--
--   psql -d vault -f deploy/postgres/roles.sql
--
-- card_gateway_owner  owns the tables. `vault upgrade` alone uses it.
-- card_gateway        what gateways and their commands use. It can not change the schema, nor rewrite what
--                     is written down for good. Of the audit it erases only what the schema lets go: what
--                     is older than twelve months, once an anchor in the chain says so.
--
-- Give both a password: ALTER ROLE card_gateway PASSWORD '…'.

DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'card_gateway_owner') THEN
        CREATE ROLE card_gateway_owner LOGIN;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'card_gateway') THEN
        CREATE ROLE card_gateway LOGIN;
    END IF;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format(
        'GRANT CONNECT ON DATABASE %I TO card_gateway_owner, card_gateway', current_database()
    );
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO card_gateway_owner;
GRANT USAGE ON SCHEMA public TO card_gateway;

ALTER DEFAULT PRIVILEGES FOR ROLE card_gateway_owner IN SCHEMA public
GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO card_gateway;
ALTER DEFAULT PRIVILEGES FOR ROLE card_gateway_owner IN SCHEMA public
GRANT USAGE ON SEQUENCES TO card_gateway;

-- Written once, read for ever.
DO $$
DECLARE
    written text;
BEGIN
    FOREACH written IN ARRAY ARRAY[
        'schema_version', 'audit_anchor', 'charge_event', 'collection_event', 'key_event'
    ] LOOP
        IF to_regclass(written) IS NOT NULL THEN
            EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %I FROM card_gateway', written);
        END IF;
    END LOOP;
    IF to_regclass('audit') IS NOT NULL THEN
        REVOKE UPDATE, TRUNCATE ON audit FROM card_gateway;
    END IF;
    IF to_regclass('schema_version') IS NOT NULL THEN
        REVOKE INSERT ON schema_version FROM card_gateway;
    END IF;
END $$;
