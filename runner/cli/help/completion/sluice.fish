# fish completion for sluice; the program itself knows what may stand where.
function __sluice_complete
	set -l words (commandline -opc) (commandline -ct)
	set -l word (commandline -ct)
	for line in ($words[1] complete -- $words[2..-1] 2>/dev/null)
		set -l asked (string match -rg '^:(files|directories) ([0-9]+)$' -- $line)
		if not set -q asked[1]
			printf '%s\n' $line
			continue
		end
		set -l head (string sub -l $asked[2] -- $word)
		set -l path (string sub -s (math $asked[2] + 1) -- $word)
		if test $asked[1] = files
			printf '%s\n' $head(__fish_complete_path $path)
		else
			printf '%s\n' $head(__fish_complete_directories $path)
		end
	end
end
complete -c sluice -f -a '(__sluice_complete)'
