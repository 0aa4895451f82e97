#!/usr/bin/env bash
# Ships the audit trail: ship.sh POSITION_FILE COMMAND...
# The command gets each record as a line of JSON on its standard input. It ends when either side does, so that whoever
# supervises it starts both again; the records then go on where they ended. SINGLESTATE_API and
# SINGLESTATE_CREDENTIAL_FILE say where from, and as whom.
set -euo pipefail
position_file=$1
shift
singlestate audit tail --output jsonl --position-file "$position_file" | "$@"
