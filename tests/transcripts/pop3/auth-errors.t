# auth-errors.t RFC 5034 4: a failed AUTH leaves the session as if it had not been given
config: tls=yes
S: +OK ...
C: AUTH
S: +OK ...
S: PLAIN
S: LOGIN
S: SCRAM-SHA-256
S: SCRAM-SHA-256-PLUS
S: .
C: AUTH CRAM-MD5
S: -ERR this mechanism is not offered, see CAPA
C: AUTH EXTERNAL =
S: -ERR this mechanism is not offered, see CAPA
C: AUTH PLAIN !
S: -ERR this is not base64
C: AUTH PLAIN {base64:alice}
S: -ERR the response breaks the mechanism's rules
C: AUTH PLAIN
S: + 
C: *
S: -ERR cancelled
C: AUTH PLAIN
S: + 
C: STAT
S: -ERR the response breaks the mechanism's rules
C: AUTH PLAIN
S: + 
C: {repeat:12288:x}
S: -ERR the line is too long
C: AUTH SCRAM-SHA-256 {base64:n,,n=a=x,r=abc}
S: -ERR [AUTH] authentication failed
# RFC 5802 6: the client was told that we cannot bind to the channel, but we can.
C: AUTH SCRAM-SHA-256 {base64:y,,n=alice,r=abc}
S: -ERR [AUTH] authentication failed
C: STAT
S: -ERR log in first
C: AUTH PLAIN {base64:\0alice\0secret}
S: +OK ...
