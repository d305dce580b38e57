/* The calls of Admission that make a session, renew it and end it. */
#ifndef SESSIOND_LOGIN_H
#define SESSIOND_LOGIN_H

#include <capos/capnp.h>

struct admission;

/* A connection may begin to log in. */
void login_init(struct admission *ad);

/* One for each call; each takes a. That it is legal now has been seen to. */
int login_methods(struct admission *ad, capnp_answer *a);
int login_start(struct admission *ad, capnp_answer *a);
int login_next(struct admission *ad, capnp_answer *a);
int login_cancel(struct admission *ad, capnp_answer *a);
int login_enter(struct admission *ad, capnp_answer *a);
int login_renew(struct admission *ad, capnp_answer *a);
int login_logout(struct admission *ad, capnp_answer *a);

#endif
