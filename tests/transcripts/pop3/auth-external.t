# auth-external.t       RFC 4422 appendix A, RFC 2595 4
config: tls=yes
config: certificate=yes
S: +OK ...
C: CAPA
S: +OK ...
S*: SASL PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS EXTERNAL
S*: .
C: AUTH EXTERNAL {base64:bob}
S: -ERR [AUTH] not allowed to act for this name
C: AUTH EXTERNAL =
S: +OK maildrop ...
