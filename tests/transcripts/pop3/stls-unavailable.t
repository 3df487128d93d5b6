# stls-unavailable.t    RFC 2595 4: without a certificate STLS is neither announced nor taken
S: +OK ...
C: CAPA
S: +OK ...
!: STLS
S*: .
C: STLS
S: -ERR TLS is not available
