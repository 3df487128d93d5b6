# retr-gone.t   a message that another protocol deleted meanwhile; the session goes on
config: plaintext=yes
config: messages=300
config: read=gone
S: +OK ...
C: AUTH PLAIN {base64:\0alice\0secret}
S: +OK ...
C: RETR 1
S: -ERR the message was deleted elsewhere
C: NOOP
S: +OK ...
