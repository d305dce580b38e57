/* What the processes of a bridge say to each other: structs of one size each, over SOCK_SEQPACKET
 * (io-packet.h). */
#ifndef CAPOS_WEB_PACKETS_H
#define CAPOS_WEB_PACKETS_H

#include "token.h"

enum { PACKET_EARLY = 4096, PACKET_TEXT = 8192 };

/* The front to the starter: a process for a browser that has entered. With its two sockets: the
 * one that WebSockets come by, and the one for words. */
struct packet_start {
        uint16_t port;          /* of the page's origin */
        uint8_t key[TOKEN_KEY]; /* the browser's */
        char csrf[TOKEN_TEXT];  /* what its POSTs have to show */
};

/* The front to a session: a WebSocket, its handshake answered. With its socket. */
struct packet_socket {
        uint8_t cookie[TOKEN_HASH]; /* of the one it came with */
        uint32_t len;               /* bytes that came with the handshake */
        uint8_t early[PACKET_EARLY];
};

enum packet_word_what {
        WORD_TICKET, /* session: the next one for POST /rotate; "": none */
        WORD_STATE,  /* session: whose GET /back is its; "": none */
        WORD_TABS,   /* session: whether it has any; "": none */
        WORD_BACK,   /* front: the query that a GET /back came with */
};

/* Either way. */
struct packet_word {
        uint32_t what;
        uint32_t len;
        char text[PACKET_TEXT]; /* no NUL */
};

#endif
