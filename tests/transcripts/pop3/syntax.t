# syntax.t      RFC 1939 3: what is unknown, badly written or out of place gets -ERR
S: +OK ...
C: HELO
S: -ERR unknown command
C:
S: -ERR unknown command
C:  STAT
S: -ERR unknown command
C-raw: STAT\0\r\n
S: -ERR control characters are not allowed
C-raw: QU\rIT\r\n
S: -ERR control characters are not allowed
C: QUIT now
S: -ERR this command takes no arguments
C: quit
S: +OK goodbye
S: <closed>
