-- Adds an audit record of something that changed no session.
-- KEYS: audit, and the session where it is about one. given: the note told; ref; subject and owner, else the session's.
local about = given
if KEYS[2] and not given.subject then
  about = read_record(KEYS[2])
end
trim(KEYS[1], append(KEYS[1], 'told', given.ref, about))
return { 'recorded' }
