package telegraftest

// nearest returns the candidate with the fewest typing slips from word, "" when none is near.
func nearest(word string, candidates []string) string {
	best, found := max(2, len(word)/3)+1, ""
	for _, candidate := range candidates {
		if d := distance(word, candidate); d < best && d < len(word) {
			best, found = d, candidate
		}
	}
	return found
}

// distance counts the bytes to insert, drop or replace to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(diagonal+1, row[j]+1, replaced)
		}
	}
	return row[len(b)]
}
