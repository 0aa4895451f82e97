-- The arguments by their names, for the script that follows.
local given = {}
for i = 1, #ARGV, 2 do
  given[ARGV[i]] = ARGV[i + 1]
end
