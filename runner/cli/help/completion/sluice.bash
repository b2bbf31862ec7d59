# bash completion for sluice; the program itself knows what may stand where.
_sluice() {
	local words=() word rest=$COMP_LINE trimmed piece=${COMP_WORDS[COMP_CWORD]} line head
	# Bash breaks words at ':' and '=', too: what no blank parts belongs together.
	for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
		trimmed=${rest#"${rest%%[![:space:]]*}"}
		if [[ $trimmed == "$rest" && ${#words[@]} -gt 0 ]]; then
			words[${#words[@]} - 1]+=$word
		else
			words+=("$word")
		fi
		rest=${trimmed#"$word"}
	done
	word=${words[${#words[@]} - 1]}
	# What is completed is only the last piece of the word.
	[[ $piece != [:=]* ]] || piece=
	head=${word%"$piece"}
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		:files* | :directories*)
			compopt -o filenames
			word=-f
			[[ $line == :files* ]] || word=-d
			while IFS= read -r line; do
				COMPREPLY+=("$line")
			done < <(compgen "$word" -- "$piece")
			;;
		*)
			line=${line%%$'\t'*}
			printf -v line '%q' "${line#"$head"}"
			COMPREPLY+=("$line")
			;;
		esac
	done < <("$1" complete -- "${words[@]:1}" 2>/dev/null)
	[[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *[:=/] ]] || compopt -o nospace
} 2>/dev/null
complete -F _sluice sluice
