# capa.t        RFC 2449 5 and 6, RFC 5034 3, RFC 6856 2 and 3
config: tls=yes
config: starttls=yes
S: +OK ...
C: CAPA
S: +OK ...
S: TOP
S: UIDL
S: USER
S: SASL PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS
S: PIPELINING
S: RESP-CODES
S: AUTH-RESP-CODE
S: UTF8 USER
S: LANG
S: EXPIRE NEVER
S: .
C: AUTH PLAIN {base64:\0alice\0secret}
S: +OK ...
# RFC 5034 3: SASL stays announced. RFC 2449 6.9: strangers need not know our version.
C: CAPA
S: +OK ...
S: TOP
S: UIDL
S: USER
S: SASL PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS
S: PIPELINING
S: RESP-CODES
S: AUTH-RESP-CODE
S: UTF8 USER
S: LANG
S: EXPIRE NEVER
S: IMPLEMENTATION Posthorn-...
S: .
C: CAPA all
S: -ERR this command takes no arguments
