# timeout.t         RFC 3501 5.4: at least 30 minutes once logged in; 5 minutes to log in
config: plaintext=yes
S: * OK ...
C: a LOGIN alice secret
S: a OK ...
wait: 30m
C: b NOOP
S: b OK ...
wait: 31m
S: * BYE you were silent for too long
S: <closed>
S2: * OK ...
wait: 4m
C2: a NOOP
S2: a OK ...
wait: 1m
S2: * BYE you were silent for too long
S2: <closed>
