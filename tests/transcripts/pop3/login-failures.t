# login-failures.t      three wrong passwords end the connection
config: plaintext=yes
S: +OK ...
C: AUTH PLAIN {base64:\0alice\0a}
S: -ERR [AUTH] wrong name or password
C: USER alice
S: +OK ...
C: PASS b
S: -ERR [AUTH] wrong name or password
C: AUTH PLAIN {base64:\0alice\0c}
S: -ERR [AUTH] wrong name or password
S: <closed>
