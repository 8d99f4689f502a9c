package piwebapitest

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf16"
)

// ntlmSignature begins each message of NTLM. The layouts here are those of [MS-NLMP].
const ntlmSignature = "NTLMSSP\x00"

// Flags of a challenge: Unicode, request target, NTLM, always sign, extended session security, target info, 128 and 56
// bit keys.
const challengeFlags = 0x1 | 0x4 | 0x200 | 0x8000 | 0x80000 | 0x800000 | 0x20000000 | 0x80000000

func isNTLM(message []byte) bool { return bytes.HasPrefix(message, []byte(ntlmSignature)) }

// messageType returns 1, 2, 3, or 0 for what is no message.
func messageType(message []byte) uint32 {
	if !isNTLM(message) || len(message) < 12 {
		return 0
	}
	return binary.LittleEndian.Uint32(message[8:])
}

// newChallenge makes the second message:
//
//	signature 8, type 4, target name (length 2, space 2, offset 4), flags 4, challenge 8, reserved 8,
//	target info (length 2, space 2, offset 4), version 8, payload
func newChallenge() (message []byte, challenge [8]byte) {
	_, _ = rand.Read(challenge[:]) // never fails
	const header = 56
	name := toUTF16("PI")
	info := binary.LittleEndian.AppendUint16(nil, 2) // domain name
	info = append(binary.LittleEndian.AppendUint16(info, uint16(len(name))), name...)
	info = binary.LittleEndian.AppendUint16(info, 7) // time, in 100 ns since 1601
	info = binary.LittleEndian.AppendUint16(info, 8)
	info = binary.LittleEndian.AppendUint64(info, uint64(time.Now().UnixNano()/100+116444736000000000))
	info = append(info, 0, 0, 0, 0) // the end of the list

	le := binary.LittleEndian
	m := le.AppendUint32([]byte(ntlmSignature), 2)
	field := func(length, offset int) {
		m = le.AppendUint16(m, uint16(length))
		m = le.AppendUint16(m, uint16(length))
		m = le.AppendUint32(m, uint32(offset))
	}
	field(len(name), header)
	m = le.AppendUint32(m, challengeFlags)
	m = append(m, challenge[:]...)
	m = append(m, make([]byte, 8)...)
	field(len(info), header+len(name))
	m = append(m, 10, 0, 0, 0, 0, 0, 0, 15) // a version of Windows, and the revision of NTLM
	return append(append(m, name...), info...), challenge
}

// checkResponse reports whether the third message proves the password under NTLMv2, the only version taken:
//
//	signature 8, type 4, then length 2, space 2, offset 4 each of: LM response, NT response, domain, user, workstation, key
func checkResponse(message []byte, challenge [8]byte, user, password string) bool {
	field := func(n int) []byte {
		at := 12 + 8*n
		if len(message) < at+8 {
			return nil
		}
		length := uint64(binary.LittleEndian.Uint16(message[at:]))
		offset := uint64(binary.LittleEndian.Uint32(message[at+4:]))
		if offset+length > uint64(len(message)) {
			return nil
		}
		return message[offset : offset+length]
	}
	response, domain, name := field(1), field(2), field(3)
	if len(response) < 16+28 || !strings.EqualFold(fromUTF16(name), user) {
		return false
	}
	hash := md4(toUTF16(password))
	key := hmacMD5(hash[:], toUTF16(strings.ToUpper(fromUTF16(name))), domain)
	return hmac.Equal(response[:16], hmacMD5(key, challenge[:], response[16:]))
}

func hmacMD5(key []byte, parts ...[]byte) []byte {
	h := hmac.New(md5.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func toUTF16(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func fromUTF16(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// md4 is the hash of RFC 1320, which NTLM keeps passwords in and the standard library lacks.
func md4(data []byte) (sum [16]byte) {
	le := binary.LittleEndian
	padded := append(bytes.Clone(data), 0x80)
	for len(padded)%64 != 56 {
		padded = append(padded, 0)
	}
	padded = le.AppendUint64(padded, uint64(len(data))*8)

	state := [4]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}
	for ; len(padded) > 0; padded = padded[64:] {
		old := state
		md4Block(&state, padded[:64])
		for i := range state {
			state[i] += old[i]
		}
	}
	for i, word := range state {
		le.PutUint32(sum[4*i:], word)
	}
	return sum
}

// md4Rounds are the three rounds: the constant, the rotations, and the order of the words.
var md4Rounds = [3]struct {
	add    uint32
	rotate [4]int
	order  [16]int
}{
	{0, [4]int{3, 7, 11, 19}, [16]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
	{0x5a827999, [4]int{3, 5, 9, 13}, [16]int{0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15}},
	{0x6ed9eba1, [4]int{3, 9, 11, 15}, [16]int{0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15}},
}

func md4Block(state *[4]uint32, block []byte) {
	a, b, c, d := state[0], state[1], state[2], state[3]
	for n, round := range md4Rounds {
		for i, word := range round.order {
			var f uint32
			switch n {
			case 0:
				f = b&c | ^b&d
			case 1:
				f = b&c | b&d | c&d
			case 2:
				f = b ^ c ^ d
			}
			t := a + f + binary.LittleEndian.Uint32(block[4*word:]) + round.add
			r := round.rotate[i%4]
			a, b, c, d = d, t<<r|t>>(32-r), b, c
		}
	}
	*state = [4]uint32{a, b, c, d}
}
