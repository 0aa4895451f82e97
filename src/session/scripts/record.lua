-- What is stored at a session's key, for the script that follows. Judges by the same rules as record.ts.
-- A whole number in its only form, of up to 15 digits: exact in a Lua number.
local function whole_number(text)
  if text and #text <= 15 and string.match(text, '^[1-9]%d*$') then
    return tonumber(text)
  end
  return nil
end

-- state: absent, live, revoked or corrupt; the other fields as text, false where they are missing.
local function read_record(key)
  local type = redis.call('TYPE', key).ok
  if type == 'none' then
    return { state = 'absent' }
  end
  if type ~= 'hash' then
    return { state = 'corrupt' }
  end
  local fields = redis.call('HMGET', key, 'version', 'lastSeen', 'expires', 'revoked')
  local record = { version = fields[1], lastSeen = fields[2], expires = fields[3], revoked = fields[4] }
  if record.revoked then
    record.state = 'revoked'
  elseif
    whole_number(record.version)
    and whole_number(record.lastSeen)
    and whole_number(record.expires)
    and redis.call('HEXISTS', key, 'document') == 1
  then
    record.state = 'live'
  else
    record.state = 'corrupt'
  end
  return record
end
