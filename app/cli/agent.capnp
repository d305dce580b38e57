@0xf41a7c05d9e2b683;
# Between `capos` and the agent that keeps a login: a socket of the user's own.

using Rs = import "/remote_session.capnp";

struct AgentInfo {
  alias @0 :Text;
  # What the session is called here: the name of the socket.

  address @1 :Text;
  # The instance, as it was given to `capos login`.

  account @2 :Text;
  profile @3 :Text;
  kind @4 :Text;
  # As in SessionInfo, at the last time the agent looked.

  expiresAtMs @5 :UInt64;
  # Milliseconds since 1970.

  pid @6 :UInt32;
  # The agent's process.

  channelBinding @7 :Data;
  serverKeyHash @8 :Data;
  # What a proof by key names of the connection, behind TLS; else empty. A renewal is proved by a command, and the
  # connection is the agent's.

  key @9 :Text;
  # By which key the login was made: its fingerprint, and ` cert` behind it when it was certified. Else empty.

  identity @10 :Text;
  # The file that `--identity` named, as a whole path; empty: the key was found.

  droppedAtMs @11 :UInt64;
  # Since when the line to the instance is dead, and the agent tries to come back; 0: it is not.

  reconnects @12 :UInt32;
  reconnectedAtMs @13 :UInt64;
  # How often it has come back, and when last. Milliseconds since 1970.

  droppedWhy @14 :Text;
  # How the last try to come back has failed; empty: none has.
}

interface PasskeyHolder {
  # A command that can ask an authenticator.

  prove @0 (relyingParty :Text, challenge :Data, expiresAtMs :UInt64) -> (response :Data);
  # challenge: WebAuthn's, the hash of the proof transcript. response: an AuthenticationResponseJSON. expiresAtMs: until
  # when the instance waits for it, since 1970.
}

interface PageHolder {
  # A command that can show a page to somebody.

  show @0 (url :Text, userCode :Text) -> ();
  # The page is of this renewal, and to be opened on this machine; with a userCode on any, and that entered there. It does
  # not return before nobody is there any more who could.
}

interface KeyHolder {
  # A command that has a key.

  sign @0 (transcript :Data) -> (signature :Data);
  # An SSHSIG blob over a proof's transcript.
}

interface SessionAgent {
  # The bootstrap object of the socket. Whoever can connect to it has the session: the socket is in a
  # folder that only its user can enter, and others are turned away by what the kernel says they are.

  info @0 () -> (info :AgentInfo);

  session @1 () -> (session :Rs.RemoteSession);
  # The session itself. What a caller gets through it is dropped when the caller goes, and dead when the line has
  # dropped. While it is, this fails, and so does renew.

  renew @2 (proof :Data, requestedDurationMs :UInt64) -> ();
  # RemoteSession.renew with this proof; the agent keeps the reference that comes back.

  logout @3 () -> ();
  # RemoteSession.logout; the agent ends when this has returned.

  renewByPasskey @4 (holder :PasskeyHolder, relyingParty :Text, profile :Text) -> ();
  # RemoteSession.reauthenticate by what the holder answers. relyingParty: whose passkeys the instance may ask for; empty:
  # as at the login. profile: what the session is raised to; empty: it is not.

  renewByPage @5 (holder :PageHolder, device :Bool, issuer :Text, profile :Text) -> ();
  # RemoteSession.reauthenticate by an identity provider: in a browser of this machine, which comes back to the agent, or
  # with a code for another device. issuer: which; empty: as at the login. profile: as above.

  renewByToken @6 (token :Data) -> ();
  # RemoteSession.reauthenticate of a service account's session, by an access token.

  raise @7 (profile :Text, password :Data, holder :KeyHolder) -> ();
  # RemoteSession.reauthenticate for another profile: by what the holder signs; without one by the password.

  watch @8 (droppedAtMs :UInt64, reconnects :UInt32) -> (info :AgentInfo);
  # Returns when one of these is otherwise than in info: the line has dropped, or has come back. At most 64 callers wait.
}
