"""The tables and functions of ownership. They have no models: what they promise holds below the ORM.

    ownership_capability    what this database holds a side of, by which salt it falls into buckets, whether changes
                            are recorded
    ownership_bucket        who owns each bucket, and since which epoch; epochs only rise, and none is used twice
    ownership_outbox        changes made here that the other side has not applied yet
    ownership_applied       the last change of each key that came from the other side; deletions leave a tombstone

Errors that they raise, by SQLSTATE: `TC421`, this database does not own the bucket (detail: the epoch it has seen;
hint: the capability); `TC409`, a change that would give a row another identity; `TC001`, a transaction whose snapshot
may be older than the owner that it would read.
"""

from __future__ import annotations

from typing import Final

BUCKETS: Final = {"products": 1, "orders": 1024}
"""Of each capability. Products are owned as a whole: one order may hold any mix of them."""
LOCK_CLASSES: Final = {"products": 7301, "orders": 7302}
"""The first half of an advisory lock's key; the second is the bucket. Writers share it, a move excludes them."""

NOT_OWNED: Final = "TC421"
IDENTITY_CHANGED: Final = "TC409"
WRONG_ISOLATION: Final = "TC001"

TABLES: Final = """
CREATE TABLE ownership_capability (
    name text PRIMARY KEY,
    side text NOT NULL CHECK (side IN ('monolith', 'service')),
    buckets integer NOT NULL CHECK (buckets IN (1, 1024)),
    salt text CHECK (salt <> ''),
    capturing boolean NOT NULL DEFAULT false,
    CHECK (NOT capturing OR salt IS NOT NULL)
);
COMMENT ON COLUMN ownership_capability.salt IS
    'Deals keys out to buckets; the gateway''s. Null until rows are first copied, and never changed after that: '
    'until then every bucket has the same owner.';

CREATE TABLE ownership_bucket (
    capability text NOT NULL REFERENCES ownership_capability (name),
    bucket integer NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    owner text NOT NULL CHECK (owner IN ('self', 'peer', 'none')),
    epoch bigint NOT NULL CHECK (epoch >= 1),
    PRIMARY KEY (capability, bucket)
) WITH (fillfactor = 50);

-- Sequences of identity columns cache nothing: ids are drawn in the order in which rows are locked.
CREATE TABLE ownership_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    capability text NOT NULL,
    bucket integer NOT NULL,
    epoch bigint NOT NULL,
    aggregate text NOT NULL,
    root text NOT NULL,
    key text NOT NULL,
    op "char" NOT NULL CHECK (op IN ('U', 'D')),
    payload jsonb NOT NULL,
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    failed_at timestamptz,
    reason text NOT NULL DEFAULT '',
    CHECK ((failed_at IS NULL) = (reason = ''))
) WITH (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000
);
-- One capability's relay that stands still must not be in the way of another's.
CREATE INDEX ownership_outbox_capability ON ownership_outbox (capability, id);
CREATE INDEX ownership_outbox_transaction ON ownership_outbox (transaction);
CREATE INDEX ownership_outbox_failed ON ownership_outbox (capability, root) WHERE failed_at IS NOT NULL;
COMMENT ON COLUMN ownership_outbox.root IS 'What the row belongs to: an order''s number, a sku. A change that cannot '
    'be applied holds up those of the same root, and no others.';
COMMENT ON COLUMN ownership_outbox.key IS 'The row''s natural key as a JSON array, in the words of this side.';
COMMENT ON COLUMN ownership_outbox.failed_at IS 'When it was set aside; null for what is to be relayed.';

CREATE TABLE ownership_applied (
    capability text NOT NULL,
    aggregate text NOT NULL,
    key text NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    deleted boolean NOT NULL DEFAULT false,
    PRIMARY KEY (capability, aggregate, key)
) WITH (fillfactor = 80);
CREATE INDEX ownership_applied_position ON ownership_applied (seq);
COMMENT ON COLUMN ownership_applied.key IS 'In the words of the side that the change came from.';
COMMENT ON COLUMN ownership_applied.seq IS 'The id in the outbox of the side that the change came from.';
"""

FUNCTIONS: Final = """
CREATE FUNCTION ownership_lock_class(capability text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE capability WHEN 'products' THEN 7301 WHEN 'orders' THEN 7302 END
$$;

-- The same as gateway.routing.buckets.bucket.
CREATE FUNCTION ownership_bucket_of(capability text, key text) RETURNS integer LANGUAGE plpgsql STABLE AS $$
DECLARE
    known ownership_capability;
    digest bytea;
BEGIN
    SELECT * INTO STRICT known FROM ownership_capability c WHERE c.name = capability;
    IF known.salt IS NULL OR known.buckets = 1 THEN
        RETURN 0;
    END IF;
    digest := sha256(convert_to(known.salt || ':' || key, 'UTF8'));
    -- Without the parentheses, from left to right: here all of these bind alike.
    RETURN (get_byte(digest, 0) << 2) | (get_byte(digest, 1) >> 6);
END
$$;

-- Volatile, so that the owner is read after the lock has been granted: whoever moved it has committed by then.
CREATE FUNCTION ownership_enter(capability text, bucket integer) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    found_owner text;
    found_epoch bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING ERRCODE = 'TC001',
            MESSAGE = 'writes need READ COMMITTED: an older snapshot would show an owner of the past';
    END IF;
    PERFORM pg_advisory_xact_lock_shared(ownership_lock_class(capability), bucket);
    SELECT b.owner, b.epoch INTO found_owner, found_epoch
    FROM ownership_bucket b WHERE b.capability = ownership_enter.capability AND b.bucket = ownership_enter.bucket;
    IF found_owner IS DISTINCT FROM 'self' THEN
        RAISE EXCEPTION USING ERRCODE = 'TC421',
            MESSAGE = format('%s, bucket %s: this database does not own it', capability, bucket),
            DETAIL = coalesce(found_epoch, 0)::text,
            HINT = capability;
    END IF;
    RETURN found_epoch;
END
$$;

CREATE FUNCTION ownership_is_self(capability text, key text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM ownership_bucket b
        WHERE b.capability = ownership_is_self.capability
            AND b.bucket = ownership_bucket_of(ownership_is_self.capability, key) AND b.owner = 'self'
    )
$$;
"""

DROP: Final = """
DROP FUNCTION ownership_is_self, ownership_enter, ownership_bucket_of, ownership_lock_class;
DROP TABLE ownership_applied, ownership_outbox, ownership_bucket, ownership_capability;
"""
