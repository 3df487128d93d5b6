# user-pass.t   RFC 1939 7: USER and PASS
config: plaintext=yes
S: +OK ...
C: PASS secret
S: -ERR USER comes first
C: USER
S: -ERR usage: USER name
# RFC 1939 13: which names exist is not told.
C: USER nobody
S: +OK $same ...
C: PASS secret
S: -ERR [AUTH] wrong name or password
# A failed PASS needs a new USER.
C: PASS secret
S: -ERR USER comes first
C: USER alice
S: +OK $same ...
C: CAPA
S: +OK ...
S*: .
C: PASS
S: -ERR [AUTH] wrong name or password
C: user alice@example.com
S: +OK $same ...
C: pass secret
S: +OK maildrop has 0 messages (0 octets)
C: USER alice
S: -ERR this command comes before the login
C: PASS secret
S: -ERR this command comes before the login
C: AUTH PLAIN
S: -ERR this command comes before the login
C: QUIT
S: +OK ...
S: <closed>
