/*
 * FLOAT, RUN and the pulse inhibit of a bench that runs, a second time, written by hand from bench.md section 2 (microwave
 * bench), safety.md 2.3 rows 42 to 46 and decision 15. Nothing generates it and nothing in it is taken from firmware_sim;
 * test_promela_run.py compares the states that it reaches with those of the code. By hand as plc.pml.
 *
 * The world is that of narrow_run.py: a bench charged and at rest in FLOAT, contacts where they were told to be unless the
 * event of this scan says otherwise. One round of the loop is one scan. DUMPING and TRIP are where this text ends: what
 * comes then is in plc.pml.
 *
 * Where the pages leave a choice open, this text takes:
 *  - Pulses are judged by the gate as it was until this scan.
 *  - The permit's time runs from the scan after its first RUN. Once over, it goes before HOLD and before everything that
 *    only ends in FLOAT; DUMP goes before it.
 *  - An inhibit takes its place in the budget when it begins. Causes that join it take none.
 *  - A cause that comes on the scan on which the last one lets go still belongs to it.
 *  - FLOAT's own time begins anew with every HOLD.
 */

/* ---- times in scans, numbers in pulses ------------------------------------------------------------------------------ */
#define T_FLOAT   3
#define T_TOP     4
#define T_TRAVEL  2        /* a contact that disagrees for so long is broken */
#define T_RUN     7
#define T_HOLD    1        /* hold-off */
#define T_RESET   1        /* in which latches obey */
#define T_WINDOW  7        /* of the retry budget */
#define ASKED     2        /* pulses of a RUN */
#define DUTY      1        /* pulses ... */
#define PER       1        /* ... in so many scans */

#define FLOAT 4
#define DUMPING 8
#define TRIP 9
#define RUN 11
#define C_DUMP 8
#define C_RUN 14
#define C_HOLD 15

/* ---- events: numbers of narrow_run.py ------------------------------------------------------------------------------- */
#define E_ARC 1
#define E_VACUUM 2          /* a window that inhibits */
#define E_BOTH 3
#define E_WINDOW 4          /* a window that trips */
#define E_UNFIT 5
#define E_NO_CONSENT 6
#define E_CONTACTOR 7       /* its contacts are between */
#define E_DUMP_A 8
#define E_ABOVE 9
#define E_BELOW 10
#define E_CURRENT 11        /* a module's latch: a current that no open gate allowed */
#define E_DOORS 12
#define E_SILENCE 13
#define E_TOKEN 14
#define E_LAST 14

/* ---- trips: bits of the map ----------------------------------------------------------------------------------------- */
#define X_DOORS 3
#define X_HEARTBEAT 32
#define X_CONTACTOR 1024
#define X_DUMPS 2048
#define X_PREFIRE 65536
#define X_WINDOW 8388608
#define X_RETRIES 16777216
#define X_OVERRUN 33554432

/* ---- memory of the PLC ---------------------------------------------------------------------------------------------- */
byte mode = FLOAT;
byte t;
byte clock;                 /* of the permit: 0 until its first RUN */
byte arcs;                  /* the inhibit is held by a latch */
byte windows;               /* ... by a window */
byte hold;
byte count;                 /* pulses of this RUN */
byte bucket;
byte young = T_WINDOW;      /* scans since the last retry, and since the one before it */
byte old = T_WINDOW;
byte wrong_contactor;
byte wrong_dumps;

/* ---- of one scan ---------------------------------------------------------------------------------------------------- */
byte cmd;
byte ev;
byte new;                   /* pulses counted since the last scan */
hidden byte was;
hidden byte was_inhibited;
hidden byte gate;
hidden byte answer;
hidden byte source;
hidden byte event;
hidden byte late;
hidden int found;

c_decl {
\#include <stdio.h>
\#include <stdlib.h>
\#include <string.h>
  static char *seen[1 << 19];
  static void once(const char *line)
  { unsigned long h = 5381; const char *p; unsigned tried = 0;
    for (p = line; *p; p++) h = h * 33 + (unsigned char) *p;
    for (h &= (1 << 19) - 1; seen[h]; h = (h + 1) & ((1 << 19) - 1)) {
      if (strcmp(seen[h], line) == 0) return;
      if (++tried == (1 << 19) - 1) { printf("table full\n"); exit(3); }
    }
    seen[h] = strdup(line);
    puts(line);
  }
}

inline report() {
  c_code {
    char line[120];
    snprintf(line, sizeof line, "@%d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d",
      now.mode, now.t, now.clock, now.arcs, now.windows, now.hold, now.count, now.bucket, now.young, now.old,
      now.wrong_contactor, now.wrong_dumps, gate, answer, found, source, event);
    once(line);
  }
}

#define CAUSE      (ev == E_ARC || ev == E_VACUUM || ev == E_BOTH)
#define SOFT       (ev == E_VACUUM || ev == E_BOTH)
#define HARD       (ev == E_ARC || ev == E_BOTH)
#define INHIBITED  (arcs || windows)
#define FIT        (ev != E_UNFIT && ev != E_WINDOW)

/* what is counted whatever comes of it */
inline counters() {
  if :: t < T_TOP -> t = t + 1 :: else -> skip fi;
  if :: ev != E_CONTACTOR -> wrong_contactor = 0 :: else -> wrong_contactor = wrong_contactor + 1 fi;
  if :: ev != E_DUMP_A -> wrong_dumps = 0 :: else -> wrong_dumps = wrong_dumps + 1 fi;
  if
  :: (mode == RUN || clock > 0) && clock < T_RUN -> clock = clock + 1
  :: else -> skip
  fi;
  if
  :: mode == RUN -> count = (count + new > ASKED -> ASKED + 1 : count + new)
  :: else -> count = 0
  fi
}

/* pulses that nothing allowed, one too many, or too many per time */
inline overruns() {
  if :: new > 0 && (mode != RUN || INHIBITED) -> found = found | X_OVERRUN :: else -> skip fi;
  if :: count > ASKED -> found = found | X_OVERRUN :: else -> skip fi;
  if
  :: bucket + new * PER < DUTY -> bucket = 0
  :: bucket + new * PER - DUTY > DUTY * PER -> bucket = DUTY * PER + 1; found = found | X_OVERRUN
  :: else -> bucket = bucket + new * PER - DUTY
  fi
}

inline ages() {
  if :: young < T_WINDOW -> young = young + 1 :: else -> skip fi;
  if :: old < T_WINDOW -> old = old + 1 :: else -> skip fi
}

inline inhibits() {
  if
  :: !INHIBITED && CAUSE ->                                /* a new one: is a place free? */
     if :: old < T_WINDOW -> found = found | X_RETRIES :: else -> skip fi;
     old = young; young = 0;
     hold = 0;
     arcs = HARD; windows = SOFT
  :: INHIBITED && !CAUSE && hold >= T_HOLD ->              /* the hold-off is over and nothing is left */
     hold = 0; arcs = 0; windows = 0
  :: INHIBITED && SOFT ->                                  /* a window has to come back by itself first */
     hold = 0; windows = 1;
     if :: HARD -> arcs = 1 :: else -> skip fi
  :: INHIBITED && !SOFT && (CAUSE || hold < T_HOLD) ->
     if :: HARD -> arcs = 1 :: else -> skip fi;
     if
     :: hold >= T_HOLD + T_RESET -> found = found | X_RETRIES   /* a latch that does not obey */
     :: else -> hold = hold + 1
     fi
  :: else -> skip
  fi
}

inline causes() {
  if :: ev == E_DOORS -> found = found | X_DOORS :: else -> skip fi;
  if :: ev == E_SILENCE -> found = found | X_HEARTBEAT :: else -> skip fi;
  if :: ev == E_WINDOW -> found = found | X_WINDOW :: else -> skip fi;
  if :: ev == E_CURRENT && mode == FLOAT -> found = found | X_PREFIRE :: else -> skip fi;
  if :: wrong_contactor >= T_TRAVEL -> found = found | X_CONTACTOR :: else -> skip fi;
  if :: wrong_dumps >= T_TRAVEL -> found = found | X_DUMPS :: else -> skip fi
}

inline goes(to) { mode = to; t = 0 }

#define WELL_IN_RUN (FIT && ev != E_NO_CONSENT && ev != E_CONTACTOR && ev != E_DUMP_A && ev != E_ABOVE)

inline in_float() {
  if
  :: cmd == C_DUMP -> goes(DUMPING)
  :: cmd != C_DUMP && t >= T_FLOAT -> goes(DUMPING)
  :: cmd == C_RUN && t < T_FLOAT && WELL_IN_RUN && ev != E_BELOW && ev != E_TOKEN && !INHIBITED && clock < T_RUN ->
     goes(RUN); answer = 1
  :: else -> skip
  fi
}

inline in_run() {
  late = clock >= T_RUN;
  if
  :: cmd == C_DUMP || late -> goes(DUMPING)
  :: cmd == C_HOLD && !late -> goes(FLOAT); answer = 1
  :: cmd != C_DUMP && cmd != C_HOLD && !late && (count >= ASKED || !WELL_IN_RUN) -> goes(FLOAT)
  :: else -> skip
  fi
}

inline plc() {
  found = 0;
  answer = (cmd == 0 -> 0 : (cmd == C_DUMP -> 1 : 2));
  counters();
  overruns();
  ages();
  inhibits();
  causes();
  if
  :: found != 0 -> goes(TRIP)
  :: found == 0 && mode == FLOAT -> in_float()
  :: found == 0 && mode == RUN -> in_run()
  fi;
  gate = mode == RUN && !INHIBITED;
  source = (mode != was || answer == 1 -> was : 0);
  event = (mode != was || answer == 1 -> ev : 0)
}

inline invariants() {
  assert(!gate || mode == RUN);
  assert(!gate || !CAUSE);                                          /* rows 42 to 44: shut on this scan */
  assert(!gate || (FIT && ev != E_DOORS && ev != E_SILENCE));       /* row 46 */
  assert(mode != RUN || (ev != E_NO_CONSENT && ev != E_CONTACTOR && ev != E_DUMP_A && ev != E_ABOVE)); /* every scan */
  assert(mode != RUN || (clock < T_RUN && count < ASKED));
  assert(mode != RUN || was == RUN || (was == FLOAT && cmd == C_RUN && answer == 1 && !INHIBITED));
  assert(cmd != C_HOLD || mode != RUN);
  assert(cmd != C_DUMP || mode == DUMPING || mode == TRIP);
  assert(new == 0 || (was == RUN && !was_inhibited) || mode == TRIP);
  assert(mode != FLOAT || t < T_FLOAT);
  assert(young <= old && old <= T_WINDOW);
  assert(was_inhibited || !INHIBITED || young == 0)                 /* each begins by taking a place */
}

active proctype rig() {
  d_step { gate = 0; answer = 0; found = 0; source = 0; event = 0; report() };
  do
  :: mode == FLOAT || mode == RUN ->
     atomic {
       if
       :: select(new : 0 .. 2);
          if :: cmd = 0 :: cmd = 3 :: cmd = 5 :: cmd = C_DUMP :: cmd = C_RUN :: cmd = C_HOLD fi
       :: select(ev : 1 .. E_LAST); select(new : 0 .. 1);
          if :: cmd = 0 :: cmd = C_RUN :: cmd = C_HOLD fi
       fi;
       d_step {
         was = mode;
         was_inhibited = INHIBITED;
         plc();
         invariants();
         if
         :: mode == TRIP || mode == DUMPING ->
            t = 0; clock = 0; arcs = 0; windows = 0; hold = 0; count = 0; bucket = 0; young = T_WINDOW; old = T_WINDOW;
            wrong_contactor = 0; wrong_dumps = 0
         :: else -> skip
         fi;
         report();
         cmd = 0; ev = 0; new = 0
       }
     }
  :: mode == TRIP || mode == DUMPING -> break
  od
}
