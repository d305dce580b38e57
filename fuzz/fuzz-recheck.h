/* How an input of fuzz-recheck is laid out. */
#ifndef FUZZ_RECHECK_H
#define FUZZ_RECHECK_H

enum {
        RECHECK_RECORD = 0,
        RECHECK_SERVER = 32,
        RECHECK_NONCE = 64,
        RECHECK_RULES_LEN = 96, /* two bytes, big-endian */
        RECHECK_RULES = 98,     /* and the handshake behind them */
};

#endif
