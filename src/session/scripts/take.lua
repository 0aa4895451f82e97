-- Counts one request towards each limit, or towards none where one is reached (GCRA, as a bucket that leaks `limit` in a
-- window). A key holds when it was counted last, in microseconds, and how full the bucket was then.
-- KEYS: one for each limit. given: limit1, window1 (in milliseconds), limit2 and so on.
-- Answers the number of the limit that was reached and in how many milliseconds it lets one pass, or 0.
local SLACK = 1e-6

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local levels, reached, longest_wait = {}, 0, -1
for i, key in ipairs(KEYS) do
  local limit, window = tonumber(given['limit' .. i]), tonumber(given['window' .. i]) * 1000
  local at, level = string.match(redis.call('GET', key) or '', '^(%d+) (%d+%.%d+)$')
  local leaked = at and math.max(0, now - tonumber(at)) * limit / window or 0
  local filled = math.max(0, (tonumber(level) or 0) - leaked) + 1
  levels[i] = filled
  if filled > limit + SLACK then
    local wait = math.ceil((filled - limit) * window / limit / 1000)
    if wait > longest_wait then
      reached, longest_wait = i, wait
    end
  end
end
if reached > 0 then
  return { reached, longest_wait }
end
for i, key in ipairs(KEYS) do
  local until_empty = math.ceil(levels[i] * tonumber(given['window' .. i]) / tonumber(given['limit' .. i]))
  redis.call('SET', key, string.format('%.0f %.9f', now, levels[i]), 'PX', until_empty)
end
return { 0 }
