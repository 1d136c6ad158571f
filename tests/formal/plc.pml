/*
 * The rig PLC a second time, written by hand from bench.md section 2 and safety.md 3.1 to 3.5. Nothing generates it and
 * nothing in it is taken from firmware_sim; test_promela.py compares the states that it reaches with those of the code.
 * By hand:  spin -a plc.pml && gcc -O1 -DSAFETY -DNOREDUCE -o pan pan.c && ./pan -m100000 | grep ^@ | sort -u
 *
 * The world around it is the narrow bench of narrow_bench.py, said there in words; here it is `bench_moves`, `terminals`
 * and the choices in `rig`. One round of the loop is one scan: bench moves, PLC scans, state is reported.
 *
 * Where bench.md leaves a choice open, this text takes:
 *  - DUMP goes before every other row of its state; DUMP_A and DUMP_B come after the state's own rows.
 *  - People work beside a bench in SAFE: doors, key, search, stick and heartbeat trip only while armed (doors also while
 *    dumping). SHOT is blind to what EMI can fake; door, e-stop, key, heartbeat, hardware over-voltage stay.
 *  - Time of a state counts from 0 on the scan that enters it. "Later than T_open" is > T_open, "passed" is >=.
 *  - A second DUMP ends the work of one dump alone; it does not shorten the wait for the current.
 *  - A proof of safe that failed is no "energy gone": neither SAFE nor the reset takes it, and T_dump makes it LOCKOUT.
 *  - Marks of a misfire stay until the next permit or dump, so that a trip out of SAFE asks for the no-approach again.
 */

/* ---- times in scans, short so that every state is passed in a few -------------------------------------------------- */
#define T_OPEN      2
#define T_CHARGE    9
#define T_FLOAT     2
#define T_ISOLATE   2
#define T_FIRE      2
#define T_SHOT      2
#define T_CURRENT   2       /* dumps wait for the current to end */
#define T_DUMP      7
#define T_SINGLE    2       /* one dump alone, then both */
#define T_DWELL     2
#define T_NO_APPROACH 2
#define T_STEADY    2       /* in tolerance before FLOAT */
#define T_CONTACTOR 3       /* travel, from which a contact that disagrees is broken */
#define T_DUMPS     3
#define T_INHIBIT   2
#define T_MISMATCH  2       /* debounces */
#define T_SPREAD    2
#define T_DOORS     2
#define T_TOP       10      /* time of a state stops here */

/* ---- the PLC's states and commands ---------------------------------------------------------------------------------- */
#define SAFE 0
#define TEST 1
#define OPENING 2
#define CHARGE 3
#define FLOAT 4
#define ISOLATE 5
#define FIREWIN 6
#define SHOT 7
#define DUMPING 8
#define TRIP 9
#define LOCKOUT 10

#define C_PERMIT 3
#define C_CHARGE 4
#define C_ISOLATE 5
#define C_FIRE_ENABLE 6
#define C_FIRE 7
#define C_DUMP 8
#define C_DUMP_A 9
#define C_DUMP_B 10
#define C_ENTER_TEST 11
#define C_REHEARSE 12
#define C_LEAVE_TEST 13        /* 14 to 16 are of benches that run: refused here */

/* ---- trip causes: the bits of docs/reference/plc-map.md ------------------------------------------------------------- */
#define X_DOOR_1 1
#define X_DOOR_2 2
#define X_DOORS 4
#define X_ESTOP 8
#define X_KEY 16
#define X_HEARTBEAT 32
#define X_INVALID 64
#define X_MISMATCH 128
#define X_OVER 256
#define X_HW_OVER 512
#define X_CONTACTOR 1024
#define X_DUMPS 2048
#define X_MODULE 4096
#define X_SPREAD 8192
#define X_CHARGE_TIME 16384
#define X_ENVELOPE 32768
#define X_PREFIRE 65536
#define X_POSITION 131072
#define X_STICK 262144
#define X_REBOUND 524288
#define X_CHARGER 1048576
#define X_SEARCH 2097152        /* 4194304, damaged memory, is never asked about again: E_MEMORY */

/* ---- what can happen on a scan -------------------------------------------------------------------------------------- */
#define E_DOOR_1 1
#define E_DOOR_2 2
#define E_DOORS 3
#define E_ESTOP 4
#define E_KEY_OFF 5
#define E_UNSEARCHED 6
#define E_STICK_OUT 7
#define E_SILENCE 8
#define E_A_INVALID 9
#define E_B_INVALID 10
#define E_MODULES_INVALID 11
#define E_MISMATCH 12
#define E_A_OVER 13
#define E_HW_OVERVOLTAGE 14
#define E_MODULE_LIMIT 15
#define E_SPREAD 16
#define E_ENVELOPE 17
#define E_STRAY_LATCH 18
#define E_FALLING 19
#define E_POSITION 20
#define E_CONTACTOR_LOST 21
#define E_DUMP_A_LOST 22
#define E_DUMP_B_LOST 23
#define E_UNCONFIRMED 24
#define E_CURRENT 25
#define E_BAD_TOKEN 26
#define E_UNTESTED 27
#define E_UNWARNED 28
#define E_NO_CONSENT 29
#define E_MAINTENANCE 30
#define E_MAINTENANCE_KEY 31
#define E_RESET 32
#define E_RESET_MAINTENANCE 33
#define E_RESET_KEY_OFF 34
#define E_RESET_STICK_OUT 35
#define E_PROOF_FAILED 36
#define E_PROOF_OPEN 37
#define E_SLOW 38
#define E_SURGE 39
#define E_LEAK 40
#define E_REBOUND 41
#define E_MISFIRE 42
#define E_PARTIAL 43
#define E_RELAY 44
#define E_RELAY_RELEASED 45
#define E_OFF_AIM 46
#define E_MODULES_HIGH 47
#define E_JAM_DUMP_A 48
#define E_JAM_CONTACTOR 49
#define E_FREEZE_A 50
#define E_CHARGER_STUCK 51
#define E_MAINTENANCE_VOLTS 52
#define E_LOCKED_OUT 53
#define E_RESTART 54
#define E_MEMORY 55
#define E_RESET_PROOF_FAILED 56
#define E_LAST 56

/* ---- contacts, latches, levels, faults ------------------------------------------------------------------------------ */
#define BETWEEN 0
#define OPEN 1
#define CLOSED 2
#define BOTH 3

#define NO_LATCH 0
#define SOME 1
#define ALL 2

/* levels of the bank: 0 zero, 1 safe, 2 below 120 V, 3 below, 4 on, 5 above the target, 6 over-voltage */
#define V_SAFE 1
#define V_SINGLE 2
#define V_TARGET 4
#define V_OVER 6
#define NO_READING 15

#define WELL 0
#define DUMP_A_JAMMED 1
#define CONTACTOR_JAMMED 2
#define A_FROZEN 3
#define CHARGER_STUCK 4

/* ---- the PLC's memory ----------------------------------------------------------------------------------------------- */
byte mode = SAFE;
byte t;                 /* scans in this state */
byte steady;            /* scans in tolerance while charging */
byte clock;             /* scans of this dump since both dumps were told to close */
byte dwell;             /* scans since both dumps were proven closed */
byte calm;              /* after a misfire: scans without energy */
byte wrong_contactor;   /* scans that the contact has disagreed with its command */
byte wrong_dumps;
byte wrong_charger;
byte apart;             /* scans of probe mismatch, of spread, of two doors that disagree */
byte uneven;
byte doors;
bit on_contactor;
bit on_charger;
bit open_a;
bit open_b;
bit waiting;            /* dumps wait for the current to end */
bit alone;              /* one dump works alone */
bit used;               /* the token has fired */
bit misfire;
bit partial;
bit held;               /* the reset button was down on the last scan */
int latched;            /* causes that a reset still asks about */

/* ---- the bench's ---------------------------------------------------------------------------------------------------- */
byte bank;
byte latch;
byte pos_a = CLOSED;
byte pos_b = CLOSED;
byte pos_c = OPEN;
byte fault;
byte frozen;

/* ---- choice of this scan; 0 between scans --------------------------------------------------------------------------- */
byte cmd;
byte ev;

/* ---- scratch of one scan: never part of the state ------------------------------------------------------------------- */
hidden byte was;
hidden byte a;
hidden byte b;
hidden byte m;
hidden byte see_latch;
hidden byte see_a;
hidden byte see_b;
hidden byte see_c;
hidden byte answer;
hidden byte aim_in;
hidden byte differ;
hidden byte safe;
hidden byte closed;
hidden byte inhibited;
hidden byte current;
hidden byte reset;
hidden byte failed;         /* the proof of safe */
hidden byte fire;
hidden byte lock;
hidden byte tested;
hidden byte consent;
hidden byte maintenance;
hidden byte locked_out;
hidden byte source;      /* where a carried out command or a change of state came from, under which event */
hidden byte event;
hidden int found;
hidden int shown;

c_decl {
\#include <stdio.h>
\#include <stdlib.h>
\#include <string.h>
  /* every line once: an open hash table of what was printed; full = give up, never drop */
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
    char line[200];
    snprintf(line, sizeof line,
      "@%d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d",
      now.mode, now.t, now.steady, now.clock, now.dwell, now.calm,
      now.wrong_contactor, now.wrong_dumps, now.wrong_charger, now.apart, now.uneven, now.doors,
      now.on_contactor, now.on_charger, now.open_a, now.open_b, now.waiting, now.alone, now.used,
      now.misfire, now.partial, now.held, now.latched,
      now.bank, now.latch, now.pos_a, now.pos_b, now.pos_c, now.fault, now.frozen,
      fire, lock, answer, shown, source, event);
    once(line);
  }
}

/* ==== the bench ====================================================================================================== */

inline travel(pos, to, jammed) {
  if
  :: jammed || pos == to -> skip
  :: else -> pos = (pos == BETWEEN -> to : BETWEEN)
  fi
}

inline bench_moves() {
  if
  :: ev == E_JAM_DUMP_A -> fault = DUMP_A_JAMMED
  :: ev == E_JAM_CONTACTOR -> fault = CONTACTOR_JAMMED
  :: ev == E_FREEZE_A -> fault = A_FROZEN; frozen = bank
  :: ev == E_CHARGER_STUCK -> fault = CHARGER_STUCK
  :: else -> skip
  fi;
  travel(pos_a, (open_a -> OPEN : CLOSED), fault == DUMP_A_JAMMED);
  travel(pos_b, (open_b -> OPEN : CLOSED), false);
  travel(pos_c, (on_contactor -> CLOSED : OPEN), fault == CONTACTOR_JAMMED);
  if
  :: mode == SHOT ->                                      /* the gate is open */
     if
     :: ev == E_MISFIRE -> skip
     :: ev == E_PARTIAL -> latch = (latch == ALL -> ALL : SOME)
     :: else -> latch = ALL
     fi;
     bank = (latch == ALL -> 0 : bank)
  :: else ->
     latch = NO_LATCH;
     if
     :: pos_a == CLOSED || pos_b == CLOSED ->
        if :: bank > 0 && ev != E_SLOW -> bank-- :: else -> skip fi
     :: else ->
        if
        :: pos_c == CLOSED && (on_charger || fault == CHARGER_STUCK) ->
           if
           :: ev == E_SLOW -> skip
           :: ev != E_SLOW && bank < (ev == E_SURGE -> V_OVER : V_TARGET) -> bank++
           :: else -> skip
           fi
        :: else ->
           if :: ev == E_LEAK && bank > 0 -> bank-- :: else -> skip fi
        fi
     fi
  fi;
  if :: ev == E_REBOUND && bank < 2 -> bank = 2 :: else -> skip fi
}

inline terminals() {
  a = (fault == A_FROZEN -> frozen : bank);
  b = bank;
  aim_in = a == V_TARGET && b == V_TARGET && ev != E_OFF_AIM;
  differ = ev == E_MISMATCH || a > b + 1 || b > a + 1;
  a = (ev == E_A_INVALID -> NO_READING : (ev == E_A_OVER -> V_OVER : a));
  b = (ev == E_B_INVALID -> NO_READING : (ev == E_MAINTENANCE_VOLTS -> 1 : b));
  m = (ev == E_MODULES_INVALID -> NO_READING : (ev == E_MODULES_HIGH -> 3 : bank));
  see_latch = (ev == E_STRAY_LATCH -> SOME : latch);
  see_a = (ev == E_DUMP_A_LOST -> BETWEEN : pos_a);
  see_b = (ev == E_DUMP_B_LOST -> BOTH : pos_b);
  see_c = (ev == E_CONTACTOR_LOST -> BETWEEN : pos_c);
  inhibited = !on_charger && fault != CHARGER_STUCK && ev != E_UNCONFIRMED;
  current = on_charger || fault == CHARGER_STUCK || ev == E_CURRENT;
  reset = (ev >= E_RESET && ev <= E_RESET_STICK_OUT) || ev == E_RESET_PROOF_FAILED;
  failed = ev == E_PROOF_FAILED || ev == E_RESET_PROOF_FAILED;
  maintenance = ev == E_MAINTENANCE || ev == E_MAINTENANCE_KEY || ev == E_MAINTENANCE_VOLTS || ev == E_RESET_MAINTENANCE;
  locked_out = ev == E_MAINTENANCE || ev == E_MAINTENANCE_VOLTS || ev == E_LOCKED_OUT;
  consent = ev != E_NO_CONSENT;
  tested = ev == E_RELAY || ev == E_RELAY_RELEASED;       /* a test relay works on the e-stop's path */
  safe = a <= V_SAFE && b <= V_SAFE && m <= V_SAFE;       /* NO_READING is not */
  closed = see_a == CLOSED && see_b == CLOSED
}

/* ==== the PLC ======================================================================================================== */

#define ARMED       (mode >= OPENING && mode <= SHOT)
#define BEFORE_SHOT (mode >= OPENING && mode <= FIREWIN)
#define CHARGED     (mode >= CHARGE && mode <= FIREWIN)
#define ENDING      (mode == DUMPING || mode == TRIP)
#define OPENED      (see_a == OPEN && see_b == OPEN)
#define TOKEN       (ev != E_BAD_TOKEN)

inline count(counter, grows, most) {
  counter = ((grows) -> (counter < most -> counter + 1 : most) : 0)
}

inline counters() {
  count(t, mode != SAFE && mode != TEST && mode != LOCKOUT, T_TOP);
  count(steady, mode == CHARGE && aim_in, T_STEADY);
  count(clock, !open_a && !open_b, T_DUMP);
  count(dwell, closed, T_DWELL);
  count(calm, (misfire || partial) && safe, T_NO_APPROACH);
  /* after SHOT every contact and probe is judged afresh */
  count(wrong_contactor, mode != SHOT && see_c != (on_contactor -> CLOSED : OPEN), T_CONTACTOR);
  count(wrong_dumps, mode != SHOT && (see_a != (open_a -> OPEN : CLOSED) || see_b != (open_b -> OPEN : CLOSED)), T_DUMPS);
  count(wrong_charger, mode != SHOT && !on_charger && !inhibited, T_INHIBIT);
  count(apart, mode != SHOT && differ, T_MISMATCH);
  count(uneven, mode != SHOT && ev == E_SPREAD, T_SPREAD);
  count(doors, ev == E_DOOR_1 || ev == E_DOOR_2, T_DOORS);
  if
  :: waiting && (!current || t >= T_CURRENT) -> open_a = 0; open_b = 0; waiting = 0
  :: alone && t >= T_SINGLE -> open_a = 0; open_b = 0; alone = 0
  :: else -> skip
  fi
}

#define DOOR_1_OPEN  (ev == E_DOOR_1 || ev == E_DOORS)
#define DOOR_2_OPEN  (ev == E_DOOR_2 || ev == E_DOORS)
#define ESTOPPED     (ev == E_ESTOP || ev == E_RELAY)
#define KEY_OFF      (ev == E_KEY_OFF || ev == E_RESET_KEY_OFF)
#define STICK_OUT    (ev == E_STICK_OUT || ev == E_RESET_STICK_OUT)
#define BLIND        (a == NO_READING || b == NO_READING || m == NO_READING)
#define OVERVOLTAGE  (a == V_OVER || b == V_OVER)
#define UP(v)        (v != NO_READING && v > V_SAFE)

/* causes that a dump must not hide: they stand until somebody has put them right */
inline standing() {
  found = 0;
  if :: DOOR_1_OPEN -> found = found | X_DOOR_1 :: else -> skip fi;
  if :: DOOR_2_OPEN -> found = found | X_DOOR_2 :: else -> skip fi;
  if :: doors >= T_DOORS -> found = found | X_DOORS :: else -> skip fi;
  if :: ESTOPPED -> found = found | X_ESTOP :: else -> skip fi;
  if :: BLIND -> found = found | X_INVALID :: else -> skip fi;
  if :: apart >= T_MISMATCH -> found = found | X_MISMATCH :: else -> skip fi;
  if :: OVERVOLTAGE -> found = found | X_OVER :: else -> skip fi;
  if :: ev == E_HW_OVERVOLTAGE -> found = found | X_HW_OVER :: else -> skip fi;
  if :: wrong_contactor >= T_CONTACTOR -> found = found | X_CONTACTOR :: else -> skip fi;
  if :: wrong_dumps >= T_DUMPS -> found = found | X_DUMPS :: else -> skip fi;
  if :: ev == E_MODULE_LIMIT -> found = found | X_MODULE :: else -> skip fi;
  if :: wrong_charger >= T_INHIBIT -> found = found | X_CHARGER :: else -> skip fi
}

/* what people and the link owe an armed bench */
inline watched() {
  if :: KEY_OFF -> found = found | X_KEY :: else -> skip fi;
  if :: ev == E_SILENCE -> found = found | X_HEARTBEAT :: else -> skip fi;
  if :: STICK_OUT -> found = found | X_STICK :: else -> skip fi;
  if :: ev == E_UNSEARCHED -> found = found | X_SEARCH :: else -> skip fi
}

/* what a bench that is about to be charged, or is, must not show */
inline judged() {
  if :: uneven >= T_SPREAD -> found = found | X_SPREAD :: else -> skip fi;
  if :: ev == E_POSITION -> found = found | X_POSITION :: else -> skip fi
}

inline causes() {
  standing();
  if
  :: mode == SAFE || mode == TEST ->
     found = found & (X_ESTOP | X_INVALID | X_OVER | X_HW_OVER | X_CONTACTOR | X_DUMPS | X_MODULE | X_CHARGER);
     if :: UP(a) || UP(b) || UP(m) -> found = found | X_REBOUND :: else -> skip fi
  :: mode == SHOT ->                                      /* EMI: only what it cannot fake */
     found = found & (X_DOOR_1 | X_DOOR_2 | X_DOORS | X_ESTOP | X_HW_OVER);
     watched()
  :: BEFORE_SHOT -> watched(); judged()
  :: mode == LOCKOUT -> found = 0
  :: else -> skip
  fi;
  if
  :: CHARGED && (see_latch != NO_LATCH || ev == E_FALLING) -> found = found | X_PREFIRE
  :: else -> skip
  fi;
  if :: mode == CHARGE && t >= T_CHARGE -> found = found | X_CHARGE_TIME :: else -> skip fi;
  if :: mode == CHARGE && ev == E_ENVELOPE -> found = found | X_ENVELOPE :: else -> skip fi;
  if :: tested -> found = found & ~X_ESTOP :: else -> skip fi   /* the path under test is expected to trip */
}

/* everything off, dumps closed; out of SHOT the dumps wait for the current */
inline let_go(to, close_a, close_b) {
  waiting = mode == SHOT || (waiting && ENDING);
  if :: !waiting && close_a -> open_a = 0 :: else -> skip fi;
  if :: !waiting && close_b -> open_b = 0 :: else -> skip fi;
  alone = !waiting && (open_a || open_b);
  on_contactor = 0;
  on_charger = 0;
  if :: mode != DUMPING -> t = 0; clock = 0 :: else -> skip fi;
  mode = to
}

inline trips() {
  if
  :: mode == SHOT -> misfire = misfire || see_latch == NO_LATCH; partial = partial || see_latch == SOME
  :: else -> skip
  fi;
  let_go(TRIP, true, true);
  latched = found;
  shown = found
}

inline dumps(close_a, close_b) {
  misfire = mode == SHOT && see_latch == NO_LATCH;
  partial = mode == SHOT && see_latch == SOME;
  let_go(DUMPING, close_a, close_b)
}

inline becomes(to) {
  mode = to;
  t = 0;
  on_contactor = to == CHARGE || to == FLOAT;
  on_charger = to == CHARGE || to == FLOAT;
  open_a = to >= OPENING && to <= SHOT;
  open_b = open_a;
  waiting = 0;
  alone = 0
}

/* DUMP_A and DUMP_B alone: below 120 V only */
inline one_dump() {
  if
  :: (cmd == C_DUMP_A || cmd == C_DUMP_B) && a <= V_SINGLE && b <= V_SINGLE && m <= V_SINGLE ->
     answer = 1; dumps(cmd == C_DUMP_A, cmd == C_DUMP_B)
  :: else -> skip
  fi
}

#define ISOLATED (aim_in && inhibited && !current && see_c == OPEN && consent)

#define PREPARED (ev != E_UNTESTED && !tested && see_latch == NO_LATCH && ev != E_UNWARNED && consent)

inline in_safe() {
  standing(); watched(); judged();
  if
  :: cmd == C_ENTER_TEST && maintenance && locked_out && closed && safe && !tested -> answer = 1; becomes(TEST)
  :: cmd == C_PERMIT && TOKEN && found == 0 && closed && safe && see_c == OPEN && PREPARED ->
     answer = 1; becomes(OPENING); used = 0; misfire = 0; partial = 0
  :: else -> skip
  fi
}

inline in_test() {
  if
  :: !(maintenance && locked_out && closed && safe) -> becomes(SAFE)
  :: else ->
     if
     :: cmd == C_LEAVE_TEST -> answer = 1; becomes(SAFE)
     :: cmd == C_REHEARSE && a == 0 && b == 0 && m == 0 -> answer = 1; fire = 1
     :: else -> skip
     fi
  fi
}

inline armed() {
  if
  :: cmd == C_DUMP -> dumps(true, true)
  :: mode == OPENING && cmd == C_CHARGE && TOKEN && OPENED -> answer = 1; becomes(CHARGE)
  :: mode == OPENING && t > T_OPEN -> dumps(true, true)
  :: mode == CHARGE && steady >= T_STEADY -> becomes(FLOAT)
  :: mode == FLOAT && cmd == C_ISOLATE -> answer = 1; becomes(ISOLATE)
  :: mode == FLOAT && t >= T_FLOAT -> dumps(true, true)
  :: mode == ISOLATE && cmd == C_FIRE_ENABLE && TOKEN && ISOLATED -> answer = 1; becomes(FIREWIN)
  :: mode == ISOLATE && t >= T_ISOLATE -> dumps(true, true)
  :: mode == FIREWIN && cmd == C_FIRE && TOKEN && !used && ISOLATED && OPENED && see_latch == NO_LATCH ->
     answer = 1; becomes(SHOT); used = 1; fire = 1
  :: mode == FIREWIN && t >= T_FIRE -> dumps(true, true)
  :: mode == SHOT && t >= T_SHOT -> dumps(true, true)
  :: else -> if :: mode != SHOT -> one_dump() :: else -> skip fi
  fi
}

#define ENERGY_GONE (safe && closed)
#define APPROACH    (ENERGY_GONE && dwell >= T_DWELL && (!(misfire || partial) || calm >= T_NO_APPROACH) && !tested)

inline in_dumping() {
  if
  :: clock >= T_DUMP && !ENERGY_GONE && !tested -> becomes(LOCKOUT)
  :: clock >= T_DUMP && failed -> becomes(LOCKOUT)
  :: cmd == C_DUMP -> alone = 0; if :: !waiting -> open_a = 0; open_b = 0 :: else -> skip fi
  :: APPROACH && !failed && ev != E_PROOF_OPEN -> becomes(SAFE)
  :: else -> skip
  fi
}

inline in_trip() {
  shown = found & ~latched;
  latched = latched | found;
  standing();
  if :: KEY_OFF -> found = found | (latched & X_KEY) :: else -> skip fi;
  if :: STICK_OUT -> found = found | (latched & X_STICK) :: else -> skip fi;
  if
  :: clock >= T_DUMP && !ENERGY_GONE && !tested -> becomes(LOCKOUT)
  :: clock >= T_DUMP && failed -> becomes(LOCKOUT)
  :: cmd == C_DUMP -> skip                                /* in progress already */
  :: reset && !held && APPROACH && !failed && found == 0 && (!(latched & X_DOORS) || maintenance) -> becomes(SAFE)
  :: else -> skip
  fi;
  if :: mode != TRIP -> shown = 0 :: else -> skip fi
}

/* a PLC that has lost its memory wakes in TRIP with everything off; damaged memory may hide a misfire */
inline wakes() {
  mode = TRIP; t = 0; steady = 0; clock = 0; dwell = 0; calm = 0;
  wrong_contactor = 0; wrong_dumps = 0; wrong_charger = 0; apart = 0; uneven = 0; doors = 0;
  on_contactor = 0; on_charger = 0; open_a = 0; open_b = 0;
  waiting = 0; alone = 0; used = 0; held = 0; latched = 0;
  misfire = ev == E_MEMORY;
  partial = 0
}

inline plc() {
  fire = 0;
  shown = 0;
  answer = (cmd == 0 -> 0 : (cmd == C_DUMP -> 1 : 2));    /* energy may always be taken away */
  counters();
  causes();
  if
  :: found != 0 && mode != TRIP -> trips()
  :: mode == TRIP -> in_trip()
  :: else ->
     if
     :: mode == SAFE -> in_safe()
     :: mode == TEST -> in_test()
     :: ARMED -> armed()
     :: mode == DUMPING -> in_dumping()
     :: mode == LOCKOUT -> skip                           /* nothing leads out but people at the bank itself */
     fi
  fi;
  held = reset;
  lock = !((mode == SAFE || mode == TEST) && safe && closed && dwell >= T_DWELL);
  source = (mode != TRIP && (answer == 1 || mode != was) -> was : 0);
  event = (mode != TRIP && (answer == 1 || mode != was) -> ev : 0)
}

/* what no later scan asks for is zero (the reasons are at `keep` in narrow_bench.py) */
inline forgets() {
  latched = (mode == TRIP -> latched & (X_DOORS | X_KEY | X_STICK) : 0);
  if :: mode != CHARGE -> steady = 0 :: else -> skip fi;
  if :: ENDING && !waiting && !alone -> t = 0 :: else -> skip fi;
  if :: !ARMED -> used = 0 :: else -> skip fi;
  if :: !ENDING -> clock = 0 :: else -> skip fi;
  if
  :: mode == LOCKOUT ->
     dwell = 0; calm = 0; wrong_contactor = 0; wrong_dumps = 0; wrong_charger = 0; apart = 0; uneven = 0; doors = 0;
     misfire = 0; partial = 0; held = 0
  :: else -> skip
  fi
}

/* ==== what must hold on every scan (safety.md 3.5 as amended by bench.md) ============================================ */

#define HEALTHY (!DOOR_1_OPEN && !DOOR_2_OPEN && ev != E_ESTOP && !KEY_OFF && ev != E_SILENCE)

inline invariants() {
  assert(!on_charger || HEALTHY);                                                     /* P4 to P7 */
  assert(!(was >= OPENING && was <= SHOT) || (ev != E_DOOR_1 && ev != E_DOOR_2 && ev != E_DOORS && ev != E_ESTOP
         && ev != E_HW_OVERVOLTAGE) || mode == TRIP);                                 /* P8 to P10 */
  assert(!(was >= OPENING && was <= FIREWIN) || !(BLIND || OVERVOLTAGE) || mode == TRIP); /* P11, P12 */
  assert(!on_charger || (open_a && open_b));                                          /* P14, P15 */
  assert(on_charger == on_contactor && (!on_charger || mode == CHARGE || mode == FLOAT)); /* P29 */
  assert(!fire || (was == FIREWIN && mode == SHOT) || (was == TEST && mode == TEST)); /* P16 */
  assert(!fire || was == TEST || (aim_in && see_c == OPEN && OPENED && !current && HEALTHY));
  assert(!fire || was == FIREWIN || (a == 0 && b == 0 && m == 0));                    /* rehearsal at zero volts */
  assert(mode != OPENING || t <= T_OPEN);
  assert(mode != CHARGE || t < T_CHARGE);                                             /* P17 to P19 */
  assert(mode != FLOAT || t < T_FLOAT);
  assert(mode != ISOLATE || t < T_ISOLATE);
  assert(mode != FIREWIN || t < T_FIRE);
  assert(mode != SHOT || t < T_SHOT);                                                 /* P30 */
  assert(!waiting || (ENDING && t < T_CURRENT));
  assert(was != TRIP || mode == TRIP || mode == LOCKOUT || (mode == SAFE && reset && !held_before && safe && closed && !failed));
  assert(was != LOCKOUT || mode == LOCKOUT);                                          /* P20 to P22 */
  assert(!ENDING || was != mode || clock < T_DUMP || ENERGY_GONE || tested);                       /* P23 */
  assert(!ARMED || (was >= OPENING && was <= SHOT) || (was == SAFE && mode == OPENING)); /* P24 */
  assert(mode != OPENING || was == OPENING || (safe && closed && HEALTHY));           /* P25 */
  assert(mode != FIREWIN || was == FIREWIN || was == ISOLATE);                        /* P26 */
  assert(ARMED || waiting || alone || (!open_a && !open_b));                          /* P28 */
  assert(lock || (!ARMED && !ENDING && mode != LOCKOUT && safe && closed && dwell >= T_DWELL)); /* P1 to P3 */
  assert(mode != TEST || was == TEST || was == SAFE);
  assert(mode != CHARGE || was == CHARGE || was == OPENING)                           /* TEST never charges */
}

/* ==== one scan after the other ======================================================================================= */

hidden byte held_before;

#define AT_WORK (ev == E_MAINTENANCE || ev == E_MAINTENANCE_KEY || ev == E_MAINTENANCE_VOLTS || ev == E_LOCKED_OUT)

active proctype rig() {
  d_step { lock = 0; report() };
  do
  :: atomic {
       if
       :: select(cmd : 0 .. 16)
       :: fault == WELL -> select(ev : 1 .. (mode == LOCKOUT -> E_LOCKED_OUT : E_LAST))
       :: fault == WELL && mode == LOCKOUT -> ev = E_RESET_PROOF_FAILED
       :: mode == DUMPING || mode == TRIP -> ev = E_CURRENT; cmd = C_DUMP
       :: mode == TRIP -> ev = E_RESET; cmd = C_DUMP         /* DUMP goes before the reset */
       :: fault != WELL -> ev = E_RESET
       :: fault != WELL -> ev = E_SLOW
       fi;
       if
       :: ev != 0 && mode == SAFE -> cmd = C_PERMIT
       :: AT_WORK && mode == SAFE -> cmd = C_ENTER_TEST
       :: AT_WORK && mode == TEST -> cmd = C_LEAVE_TEST
       :: ev != 0 && mode == TEST -> cmd = C_REHEARSE
       :: ev != 0 && mode == OPENING -> cmd = C_CHARGE
       :: ev != 0 && mode == FLOAT -> cmd = C_ISOLATE
       :: ev != 0 && mode == ISOLATE -> cmd = C_FIRE_ENABLE
       :: ev != 0 && mode == FIREWIN -> cmd = C_FIRE
       :: cmd == 0 || ev == 0 || cmd == C_DUMP -> skip
       fi;
       d_step {
         bench_moves();
         terminals();
         if :: ev == E_RESTART || ev == E_MEMORY -> wakes() :: else -> skip fi;
         was = mode;
         held_before = held;
         plc();
         invariants();
         forgets();
         report();
         cmd = 0;
         ev = 0
       }
     }
  od
}
