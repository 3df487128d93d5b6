# bare-lf.t         a line that LF alone ends leaves no way to know where the next one begins
config: plaintext=yes
S: * OK ...
C-raw: a NOOP\nb NOOP\r\n
S: * BYE lines end in CR LF, not in LF alone
S: <closed>
