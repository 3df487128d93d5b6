# no-passwords-in-clear-text.t  RFC 2595 2.3, RFC 5034 4
config: starttls=yes
S: +OK ...
C: CAPA
S: +OK ...
!: USER...
!: SASL...
S*: STLS
S: .
C: USER alice
S: -ERR [AUTH] passwords are only taken over TLS, use STLS or the TLS port first
C: PASS secret
S: -ERR USER comes first
C: AUTH PLAIN {base64:\0alice\0secret}
S: -ERR [AUTH] passwords are only taken over TLS, use STLS or the TLS port first
C: AUTH
S: +OK ...
S: .
