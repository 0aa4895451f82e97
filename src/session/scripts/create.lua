-- Uses up the proof of identity and makes the session: both or neither.
-- KEYS: session, proof. ARGV: document, lastSeen, expires, when the session is forgotten, when the proof is, ref.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return { 'replayed' }
end
if not redis.call('SET', KEYS[2], '1', 'NX', 'PXAT', ARGV[5]) then
  return { 'replayed' }
end
redis.call(
  'HSET', KEYS[1],
  'ref', ARGV[6], 'version', '1', 'document', ARGV[1], 'lastSeen', ARGV[2], 'expires', ARGV[3]
)
redis.call('PEXPIREAT', KEYS[1], ARGV[4])
return { 'created' }
