# auth-plain.t  RFC 5034 4 and 6, RFC 4616
config: tls=yes
S: +OK ...
C: AUTH PLAIN
S: + 
C: {base64:\0alice\0wrong}
S: -ERR [AUTH] wrong name or password
C: AUTH PLAIN {base64:root\0alice\0secret}
S: -ERR [AUTH] not allowed to act for this name
C: auth plain {base64:alice\0alice\0secret}
S: +OK maildrop has 0 messages (0 octets)
C: AUTH PLAIN {base64:\0alice\0secret}
S: -ERR this command comes before the login
