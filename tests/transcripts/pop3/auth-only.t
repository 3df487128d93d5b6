# auth-only.t   passwords switched off: SCRAM alone
config: tls=yes
config: mechanisms=SCRAM-SHA-256
S: +OK ...
C: CAPA
S: +OK ...
!: USER
S*: SASL SCRAM-SHA-256
S*: .
C: USER alice
S: -ERR [AUTH] use AUTH, see CAPA
C: AUTH PLAIN {base64:\0alice\0secret}
S: -ERR this mechanism is not offered, see CAPA
