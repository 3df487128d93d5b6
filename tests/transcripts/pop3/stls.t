# stls.t        RFC 2595 4
config: starttls=yes
S: +OK ...
C: STLS now
S: -ERR this command takes no arguments
C: STLS
S: +OK begin TLS
C: <starttls>
C: CAPA
S: +OK ...
!: STLS
S*: .
C: STLS
S: -ERR TLS is active already
C: USER alice
S: +OK ...
C: PASS secret
S: +OK ...
C: STLS
S: -ERR this command comes before the login
