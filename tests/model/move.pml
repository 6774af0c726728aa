/*
 * Moving the ownership of buckets, and everybody who is about meanwhile: docs/model.md says what is left out and why.
 * The names are those of services/sync: cutover, handover, records, settle, relay, apply.
 *
 * A transaction in one database is one atomic step; between any two steps, any other process may act, or this one die.
 * BROKEN_… leaves out one of the protocol's precautions, and some assertion must then fail.
 */

/* How large: tests/model/test_move_model.py chooses. */
#ifndef BUCKETS
#define BUCKETS 1
#endif
#ifndef ACTORS
#define ACTORS 2
#endif
#ifndef MOVES
#define MOVES 2
#endif
#ifndef STEALS
#define STEALS 1 /* how often somebody loses the session lock, and goes on without knowing */
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef WRITES
#define WRITES 3
#endif
#ifndef RELAYS
#define RELAYS 1 /* in each direction; more than one where a leader has lost its lock */
#endif

#define EPOCHS (2 * MOVES + 2)
#define ROOM (WRITES + 1)
#define AT(b, s) (2 * (b) + (s))
#define IN(b) ((buckets >> (b)) & 1)
#define TARGET (1 - source)

mtype = { self, peer, none };
mtype = { intended, armed, fenced, drained, decided, owned, done, reopening, abandoned };

/* ownership_bucket: of bucket b at side s, by AT(b, s). Side 0 owns everything at first. */
mtype owner[2 * BUCKETS];
byte epoch[2 * BUCKETS];
/* Holders of the shared advisory lock. An exclusive one is taken and released within one step. */
byte sharing[2 * BUCKETS];
/* The row, one of each bucket: which write it shows, and whether a transaction has locked it. */
byte row[2 * BUCKETS];
bool row_locked[2 * BUCKETS];
/* ownership_outbox: epoch, id, row. Ids are drawn at each side for itself. */
chan outbox[2 * BUCKETS] = [ROOM] of { byte, byte, byte };
byte ids[2];
/* ownership_applied: how far the row has come from the other side. */
byte applied_epoch[2 * BUCKETS];
byte applied_id[2 * BUCKETS];

/* migration_cutover: the latest record. Older ones are closed, as only one may be open. */
byte record_id;
mtype record_state = done;
bit record_source;
byte record_epoch;
byte record_buckets;
#define OPEN (record_state != done && record_state != abandoned)

/* The session lock `cutover.<capability>`: who holds it as far as the database knows; 0 is nobody. */
byte lock;

/* What is left to happen. */
byte moves = MOVES;
byte steals = STEALS;
byte deaths = DEATHS;
byte writes = WRITES;
byte arrived;
byte finished;

/* Known to nobody but the assertions: the last write acknowledged, writers whose side has stopped owning under their
 * hands, and to whom each epoch belongs. */
byte acknowledged[BUCKETS];
byte inside[2 * BUCKETS];
byte ousted;
#define NOBODY 0
byte whose[BUCKETS * EPOCHS];
#define WHOSE(b, e) whose[(b) * EPOCHS + (e)]

/* The properties. They are no part of a state; an assertion that fails is known by its name. */
hidden byte one_owner, epoch_is_fresh, owned_throughout, no_write_lost, none_overwritten, none_refused;
hidden byte somebody_owns, both_sides_equal;
hidden byte i, changed, most;

inline check_owners() {
    for (i : 0 .. BUCKETS - 1) {
        one_owner = !(owner[AT(i, 0)] == self && owner[AT(i, 1)] == self) &&
            (owner[AT(i, 0)] != self || epoch[AT(i, 0)] >= epoch[AT(i, 1)]) &&
            (owner[AT(i, 1)] != self || epoch[AT(i, 1)] >= epoch[AT(i, 0)]);
        assert(one_owner)
    };
    i = 0
}

/* An epoch is one side's for ever: a fence keeps it for the target, a source that owns again takes a new one. */
inline take_epoch(b, e, s) {
    epoch_is_fresh = WHOSE(b, e) == NOBODY;
    assert(epoch_is_fresh);
    WHOSE(b, e) = (s) + 1
}

/* The four changes of owners, as services/sync/handover.py makes them. */

#ifdef BROKEN_NO_LOCK
#define WRITERS_OUT true
#elif BUCKETS == 1
#define WRITERS_OUT (sharing[AT(0, source)] == 0)
#else
#define WRITERS_OUT ((!IN(0) || sharing[AT(0, source)] == 0) && (!IN(1) || sharing[AT(1, source)] == 0))
#endif

#ifdef BROKEN_UNCONDITIONAL_FENCE
#define MAY_FENCE(b) true
#else
#define MAY_FENCE(b) (owner[AT(b, source)] == self && epoch[AT(b, source)] < its_epoch)
#endif

/* All of the buckets or none of them. */
inline fence() {
    changed = 0; most = 0;
    for (i : 0 .. BUCKETS - 1) {
        if
        :: IN(i) -> most++; changed = changed + MAY_FENCE(i)
        :: else
        fi
    }
#ifdef BROKEN_PARTIAL_FENCE
    most = changed;
#endif
    for (i : 0 .. BUCKETS - 1) {
        if
        :: IN(i) && changed == most && MAY_FENCE(i) ->
            take_epoch(i, its_epoch, TARGET);
            owner[AT(i, source)] = none;
            epoch[AT(i, source)] = its_epoch;
            ousted = ousted | inside[AT(i, source)]
        :: else
        fi
    }
    if
    :: changed < most -> state = 0
    :: else
    fi;
    check_owners()
}

#ifdef BROKEN_UNCONDITIONAL_OWN
#define MAY_OWN(b) true
#else
#define MAY_OWN(b) (owner[AT(b, TARGET)] == peer && epoch[AT(b, TARGET)] < its_epoch)
#endif

inline own() {
    for (i : 0 .. BUCKETS - 1) {
        if
        :: IN(i) && MAY_OWN(i) ->
            epoch_is_fresh = WHOSE(i, its_epoch) == TARGET + 1;
            assert(epoch_is_fresh);
            owner[AT(i, TARGET)] = self;
            epoch[AT(i, TARGET)] = its_epoch
        :: else
        fi
    }
    check_owners()
}

#ifdef BROKEN_UNCONDITIONAL_RELEASE
#define MAY_RELEASE(b) true
#else
#define MAY_RELEASE(b) (owner[AT(b, source)] == none && epoch[AT(b, source)] == its_epoch)
#endif

inline release() {
    for (i : 0 .. BUCKETS - 1) {
        if
        :: IN(i) && MAY_RELEASE(i) ->
            owner[AT(i, source)] = peer;
            epoch[AT(i, source)] = its_epoch;
            ousted = ousted | inside[AT(i, source)]
        :: else
        fi
    }
    check_owners()
}

#ifdef BROKEN_REUSE_EPOCH
#define REOPENED its_epoch
#else
#define REOPENED (its_epoch + 1)
#endif
#ifdef BROKEN_UNCONDITIONAL_REOPEN
#define MAY_REOPEN(b) true
#elif defined(BROKEN_FORGET)
/* Where no fence was put up, nothing is changed. */
#define MAY_REOPEN(b) (owner[AT(b, source)] == none && epoch[AT(b, source)] == its_epoch)
#else
#define MAY_REOPEN(b) \
    (owner[AT(b, source)] == none && epoch[AT(b, source)] == its_epoch || \
    owner[AT(b, source)] == self && epoch[AT(b, source)] < its_epoch)
#endif

inline reopen() {
    for (i : 0 .. BUCKETS - 1) {
        if
        :: IN(i) && MAY_REOPEN(i) ->
            take_epoch(i, REOPENED, source);
            owner[AT(i, source)] = self;
            epoch[AT(i, source)] = REOPENED
        :: else
        fi
    }
    check_owners()
}

/* A transition of the record: who starts from a state that is not there any more changes nothing, and goes elsewhere. */
#define advance(before, after, elsewhere) \
    atomic { \
        if \
        :: record_id == id && record_state == before -> record_state = after; state = after \
        :: else -> state = 0; goto elsewhere \
        fi \
    }

#ifdef BROKEN_CAS
#define MAY_DECIDE (record_id == id)
#else
#define MAY_DECIDE (record_id == id && record_state == drained)
#endif

#ifdef BROKEN_NO_DRAIN
#define DRAINED true
#elif BUCKETS == 1
#define DRAINED empty(outbox[AT(0, source)])
#else
#define DRAINED ((!IN(0) || empty(outbox[AT(0, source)])) && (!IN(1) || empty(outbox[AT(1, source)])))
#endif

#if BUCKETS == 1
#define ALL_RELAYED (empty(outbox[0]) && empty(outbox[1]))
#else
#define ALL_RELAYED (empty(outbox[0]) && empty(outbox[1]) && empty(outbox[2]) && empty(outbox[3]))
#endif

#define HAS(b, s) (!IN(b) || owner[AT(b, s)] == self && owner[AT(b, 1 - s)] == peer)
#if BUCKETS == 1
#define HAS_ALL(s) HAS(0, s)
#else
#define HAS_ALL(s) (HAS(0, s) && HAS(1, s))
#endif

#define MAY_DIE :: atomic { deaths > 0 -> deaths--; goto died }

inline forget() {
    atomic {
        lock = (lock == _pid -> 0 : lock);
        id = 0; source = 0; its_epoch = 0; buckets = 0; state = 0
    }
}

/* Movers and doctors. One that dies is born again and knows nothing. They come in order, as it matters not who is who. */
proctype actor(byte me) {
    byte id, its_epoch, buckets;
    bit source;
    mtype state;
again:
    if
    :: moves == 0 && !OPEN -> goto ends
    :: atomic {
            (moves > 0 || OPEN) && (lock == 0 || steals > 0) && me <= arrived + 1 ->
            if
            :: lock == 0
            :: else -> steals--
            fi;
            arrived = (me > arrived -> me : arrived);
            lock = _pid
        }
    fi;

look: /* at the record, as it is now: a doctor begins here, and so does a mover. Whoever has lost the lock may come back
       * and take on a record that is somebody else's, which services/sync does not even do. */
    atomic {
        if
        :: OPEN ->
            id = record_id; source = record_source; its_epoch = record_epoch; buckets = record_buckets;
            state = record_state;
            goto settle
        :: !OPEN && moves == 0 -> goto over
        :: !OPEN && moves > 0
        fi;
        /* Plan: who owns what, and with which epoch the target is to. */
#if BUCKETS == 1
        buckets = 1;
#else
        select(buckets : 1 .. 3);
#endif
        if
        :: HAS_ALL(0) -> source = 0
        :: HAS_ALL(1) -> source = 1
        :: else -> goto over
        fi;
        d_step {
            most = 0;
            for (i : 0 .. BUCKETS - 1) {
                if
                :: IN(i) ->
                    most = (epoch[AT(i, 0)] > most -> epoch[AT(i, 0)] : most);
                    most = (epoch[AT(i, 1)] > most -> epoch[AT(i, 1)] : most)
                :: else
                fi
            };
            its_epoch = most + 1
        }
    };
    /* 1: the intent. Only one record may be open. */
    atomic {
        if
        :: !OPEN && moves > 0 ->
            moves--;
            record_id++;
            record_state = intended; record_source = source;
            record_epoch = its_epoch; record_buckets = buckets;
            id = record_id; state = intended
        :: else -> goto over
        fi
    };
    /* 2 */
    if
    :: advance(intended, armed, over)
    MAY_DIE
    fi;
    /* 3: being granted the lock is the drain of the writers under way. */
    if
    :: atomic {
            WRITERS_OUT ->
            d_step { fence() };
            if
            :: state == 0 -> goto over
            :: else
            fi
        }
    :: goto settle /* it takes too long: given up */
    MAY_DIE
    fi;
    if
    :: advance(armed, fenced, over)
    MAY_DIE
    fi;
    /* 4: the source shows every change there will be. */
    if
    :: DRAINED
    :: goto settle
    MAY_DIE
    fi;
    advance(fenced, drained, over);
    /* 5: the decision. */
    if
    :: atomic {
            if
            :: MAY_DECIDE -> record_state = decided; state = decided
            :: else -> goto over
            fi
        }
    MAY_DIE
    fi;
    /* 6 and 7 */

settle: /* what becomes of an open record, whoever takes care of it */
    if
    :: state == decided ->
        if
        :: d_step { own() }
        MAY_DIE
        fi;
        advance(decided, owned, look);
        goto tell
    :: state == owned -> goto tell
    :: state == reopening
    :: else ->
#ifdef BROKEN_REOPEN_FIRST
        d_step { reopen() };
#endif
        if
        :: advance(state, reopening, look)
        MAY_DIE
        fi
    fi;
    if
    :: d_step { reopen() }
    MAY_DIE
    fi;
    advance(reopening, abandoned, look);
    goto over;
tell: /* 7: the source */
    if
    :: d_step { release() }
    MAY_DIE
    fi;
    advance(owned, done, look);
over:
    forget();
    goto again;
died:
    forget();
    goto again;
ends:
    finished++
}

#if BUCKETS == 1
#define OWNED(s) (owner[AT(0, s)] == self)
#define SOMETHING b = 0
#else
#define OWNED(s) (owner[AT(0, s)] == self || owner[AT(1, s)] == self)
#define SOMETHING if :: owner[AT(0, s)] == self -> b = 0 :: owner[AT(1, s)] == self -> b = 1 fi
#endif

/*
 * A request that writes. A side that does not own the bucket answers 421, which changes nothing, and the gateway asks
 * again: so whatever the toggles say, a request is at an owner sooner or later, or has waited for too long.
 */
proctype writer(byte me) {
    bit s;
    byte b, e, n;
    do
    :: atomic {
            writes > 0 ->
            writes--;
            if
            :: OWNED(0) -> s = 0; SOMETHING
            :: OWNED(1) -> s = 1; SOMETHING
            :: !OWNED(0) && !OWNED(1) -> goto next
            fi;
#ifdef BROKEN_SNAPSHOT
            /* The snapshot in which the owner was looked up is older than the lock. */
        };
        atomic {
#endif
            sharing[AT(b, s)]++;
            inside[AT(b, s)] = inside[AT(b, s)] | (1 << me)
        };
        /* The statement and its trigger: the row is locked when the id is drawn. */
        d_step {
            !row_locked[AT(b, s)] ->
            row_locked[AT(b, s)] = true;
            e = epoch[AT(b, s)];
            ids[s]++;
            n = ids[s]
        };
        atomic {
            if
            :: d_step {
                    owned_throughout = owner[AT(b, s)] == self && !(ousted & (1 << me));
                    assert(owned_throughout);
                    no_write_lost = row[AT(b, s)] == acknowledged[b];
                    assert(no_write_lost);
                    acknowledged[b]++;
                    row[AT(b, s)] = acknowledged[b];
                    outbox[AT(b, s)]!e, n, acknowledged[b]
                }
            :: true /* rolled back */
            fi;
            d_step {
                row_locked[AT(b, s)] = false;
                sharing[AT(b, s)]--;
                inside[AT(b, s)] = inside[AT(b, s)] & ~(1 << me);
                s = 0; b = 0; e = 0; n = 0
            }
        };
next:
        skip
    :: writes == 0 -> break
    od;
    finished++
}

/* One direction: applied there first, deleted here afterwards. It may die anywhere and be started again. */
proctype relay(bit s) {
    byte b, e, n, v;
end:
    do
    :: atomic {
            if
            :: nempty(outbox[AT(0, s)]) -> b = 0
#if BUCKETS == 2
            :: nempty(outbox[AT(1, s)]) -> b = 1
#endif
            fi;
            outbox[AT(b, s)]?<e, n, v>;
#if RELAYS > 1
            /* Else nobody takes away what was read, and it may as well have been read just now. */
        };
        atomic {
#endif
            if
            :: owner[AT(b, 1 - s)] == self ->
                /* It would be set aside, for people to look at. One that was applied before is gone by now. */
                none_refused = !(outbox[AT(b, s)]??[eval(e), eval(n), eval(v)]);
                assert(none_refused)
            :: owner[AT(b, 1 - s)] != self && (e > applied_epoch[AT(b, 1 - s)] ||
                    e == applied_epoch[AT(b, 1 - s)] && n > applied_id[AT(b, 1 - s)]) ->
                none_overwritten = v > row[AT(b, 1 - s)];
                assert(none_overwritten);
                row[AT(b, 1 - s)] = v;
                applied_epoch[AT(b, 1 - s)] = e;
                applied_id[AT(b, 1 - s)] = n
            :: else
            fi
        };
        atomic {
            if
            :: outbox[AT(b, s)]??[eval(e), eval(n), eval(v)] -> outbox[AT(b, s)]??eval(e), eval(n), eval(v)
            :: true /* dies before that, or another has done it */
            fi;
            b = 0; e = 0; n = 0; v = 0
        }
    od
}

init {
    byte k;
    atomic {
        for (k : 0 .. BUCKETS - 1) {
            owner[AT(k, 0)] = self; owner[AT(k, 1)] = peer;
            epoch[AT(k, 0)] = 1; epoch[AT(k, 1)] = 1;
            WHOSE(k, 1) = 1
        }
#if RELAYS
        for (k : 1 .. RELAYS) { run relay(0); run relay(1) }
#endif
        for (k : 1 .. ACTORS) { run actor(k) }
#if WRITERS
        for (k : 1 .. WRITERS) { run writer(k) }
#endif
        k = 0
    };
    /* All is quiet. */
    finished == ACTORS + WRITERS && ALL_RELAYED;
    atomic {
        for (k : 0 .. BUCKETS - 1) {
            somebody_owns = owner[AT(k, 0)] == self && owner[AT(k, 1)] == peer ||
                owner[AT(k, 0)] == peer && owner[AT(k, 1)] == self;
            assert(somebody_owns);
            both_sides_equal = row[AT(k, 0)] == acknowledged[k] && row[AT(k, 1)] == acknowledged[k];
            assert(both_sides_equal)
        }
    }
}
