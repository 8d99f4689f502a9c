package httpauth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// A ticket is one for a service, or for the ticket-granting service, with the key
// to use it.
type ticket struct {
	user   types.PrincipalName // whose it is
	realm  string              // of user
	ticket messages.Ticket
	key    types.EncryptionKey
	end    time.Time
}

// The exchanges below build on the library's messages and cryptography, not on
// its client. That one renews tickets in goroutines which outlive it when two of
// them log in at once, cannot be cancelled, takes a key only of the type that the
// KDC lists first, and returns errors as text.

// logIn gets a ticket-granting ticket with a key of the user (RFC 4120, 3.1).
func (k *kerberosSettings) logIn(ctx context.Context, key keyMaker) (*ticket, error) {
	req, err := messages.NewASReqForTGT(k.realm, k.realms.library, k.user)
	if err != nil {
		return nil, err
	}
	req.ReqBody.EType = key.possible(req.ReqBody.EType)
	// Most KDCs want proof that the user knows the key, and say which key.
	reply, err := k.askAS(ctx, req)
	var refused messages.KRBError
	if errors.As(err, &refused) && refused.ErrorCode == errorcode.KDC_ERR_PREAUTH_REQUIRED {
		var hints types.PADataSequence
		if err := hints.Unmarshal(refused.EData); err != nil {
			return nil, fmt.Errorf("malformed reply of KDC: %w", err)
		}
		proof, err := prove(key, hints)
		if err != nil {
			return nil, err
		}
		req.PAData = types.PADataSequence{proof}
		if reply, err = k.askAS(ctx, req); err != nil {
			return nil, k.explainKDC(err, "user "+k.userName())
		}
	} else if err != nil {
		return nil, k.explainKDC(err, "user "+k.userName())
	}
	return k.readAS(req, reply, key)
}

func (k *kerberosSettings) askAS(ctx context.Context, req messages.ASReq) ([]byte, error) {
	message, err := req.Marshal()
	if err != nil {
		return nil, err
	}
	return k.realms.ask(ctx, k.realm, message)
}

// readAS decrypts and checks a reply.
func (k *kerberosSettings) readAS(req messages.ASReq, reply []byte, maker keyMaker) (*ticket, error) {
	var rep messages.ASRep
	if err := rep.Unmarshal(reply); err != nil {
		return nil, fmt.Errorf("malformed reply of KDC: %w", err)
	}
	key, err := maker.keyOf(keyHint{etype: rep.EncPart.EType}.with(rep.PAData))
	if err != nil {
		return nil, err
	}
	text, err := crypto.DecryptEncPart(rep.EncPart, key, keyusage.AS_REP_ENCPART)
	if err != nil { // no proof was asked for, so only this shows that the key is wrong
		return nil, k.explainKDC(messages.KRBError{ErrorCode: errorcode.KDC_ERR_PREAUTH_FAILED}, "user "+k.userName())
	}
	var part messages.EncKDCRepPart
	if err := part.Unmarshal(text); err != nil {
		return nil, fmt.Errorf("malformed reply of KDC: %w", err)
	}
	body := req.ReqBody
	switch {
	case rep.CRealm != body.Realm || !rep.CName.Equal(body.CName): // Active Directory corrects the case
		return nil, &cause{kind: ErrCredentials, remedy: "set username and realm to that",
			reason: fmt.Sprintf("KDC knows %s as %s@%s", k.userName(), rep.CName.PrincipalNameString(), rep.CRealm)}
	case part.Nonce != body.Nonce, part.SRealm != body.Realm, !part.SName.Equal(body.SName):
		return nil, errors.New("reply of KDC is not for the request")
	}
	if skew := time.Until(part.AuthTime); skew.Abs() > k.realms.library.LibDefaults.Clockskew {
		return nil, &cause{kind: ErrClockSkew, remedy: "synchronise both with NTP",
			reason: fmt.Sprintf("clock of the KDC is %v from this one", skew.Round(time.Second))}
	}
	return &ticket{user: rep.CName, realm: rep.CRealm, ticket: rep.Ticket, key: part.Key, end: part.EndTime}, nil
}

// prove encrypts the time with a key of the user (RFC 4120, 5.2.7.2).
func prove(maker keyMaker, hints types.PADataSequence) (types.PAData, error) {
	key, err := maker.keyOf(keyHints(hints)...)
	if err != nil {
		return types.PAData{}, err
	}
	now, err := types.GetPAEncTSEncAsnMarshalled()
	if err != nil {
		return types.PAData{}, err
	}
	sealed, err := crypto.GetEncryptedData(now, key, keyusage.AS_REQ_PA_ENC_TIMESTAMP, 0)
	if err != nil {
		return types.PAData{}, err
	}
	value, err := sealed.Marshal()
	return types.PAData{PADataType: patype.PA_ENC_TIMESTAMP, PADataValue: value}, err
}

// maxReferrals is how many realms may send the request on.
const maxReferrals = 8

// serve gets a ticket for the service with a ticket-granting one (RFC 4120, 3.3),
// across realms where need be (RFC 6806, 8).
func (k *kerberosSettings) serve(ctx context.Context, tgt *ticket) (*ticket, error) {
	what := "service " + k.service.PrincipalNameString()
	realm, goal := tgt.ticket.SName.NameString[len(tgt.ticket.SName.NameString)-1], k.service
	target := k.serviceRealm
	if target == "" {
		target = k.realms.ofHost(k.service.NameString[len(k.service.NameString)-1])
	}
	if target != "" && target != realm {
		goal = tgtName(target)
	}
	for range maxReferrals {
		got, err := k.askTGS(ctx, realm, tgt, goal)
		if err != nil {
			return nil, k.explainKDC(err, what)
		}
		name := got.ticket.SName.NameString
		if len(name) != 2 || name[0] != "krbtgt" {
			return got, nil
		}
		if realm, tgt = name[1], got; realm == target || goal.Equal(k.service) {
			goal = k.service
		}
	}
	return nil, fmt.Errorf("%s: more than %d realms refer to one another", what, maxReferrals)
}

// askTGS makes one exchange with the ticket-granting service of a realm.
func (k *kerberosSettings) askTGS(ctx context.Context, realm string, tgt *ticket, goal types.PrincipalName) (*ticket, error) {
	req, err := messages.NewTGSReq(tgt.user, realm, k.realms.library, tgt.ticket, tgt.key, goal, false)
	if err != nil {
		return nil, err
	}
	types.SetFlag(&req.ReqBody.KDCOptions, flags.Canonicalize) // permits referrals
	if err := sign(&req, tgt); err != nil {
		return nil, err
	}
	message, err := req.Marshal()
	if err != nil {
		return nil, err
	}
	reply, err := k.realms.ask(ctx, realm, message)
	if err != nil {
		return nil, err
	}
	var rep messages.TGSRep
	if err := rep.Unmarshal(reply); err != nil {
		return nil, fmt.Errorf("malformed reply of KDC: %w", err)
	}
	if err := rep.DecryptEncPart(tgt.key); err != nil {
		return nil, fmt.Errorf("malformed reply of KDC: %w", err)
	}
	part := rep.DecryptedEncPart
	if part.Nonce != req.ReqBody.Nonce || !rep.CName.Equal(tgt.user) || len(rep.Ticket.SName.NameString) == 0 {
		return nil, errors.New("reply of KDC is not for the request")
	}
	return &ticket{user: tgt.user, realm: tgt.realm, ticket: rep.Ticket, key: part.Key, end: part.EndTime}, nil
}

// sign makes a request one of the ticket's owner. The library signs too, but
// before the options above, and takes the realm that made the ticket for the one
// of its owner.
func sign(req *messages.TGSReq, tgt *ticket) error {
	body, err := req.ReqBody.Marshal()
	if err != nil {
		return err
	}
	etype, err := crypto.GetEtype(tgt.key.KeyType)
	if err != nil {
		return err
	}
	sum, err := etype.GetChecksumHash(tgt.key.KeyValue, body, keyusage.TGS_REQ_PA_TGS_REQ_AP_REQ_AUTHENTICATOR_CHKSUM)
	if err != nil {
		return err
	}
	by, err := types.NewAuthenticator(tgt.realm, tgt.user)
	if err != nil {
		return err
	}
	by.Cksum = types.Checksum{CksumType: etype.GetHashID(), Checksum: sum}
	ap, err := messages.NewAPReq(tgt.ticket, tgt.key, by)
	if err != nil {
		return err
	}
	value, err := ap.Marshal()
	req.PAData = types.PADataSequence{{PADataType: patype.PA_TGS_REQ, PADataValue: value}}
	return err
}

// tgtName is the name of a realm's ticket-granting service.
func tgtName(realm string) types.PrincipalName {
	return types.PrincipalName{NameType: nametype.KRB_NT_SRV_INST, NameString: []string{"krbtgt", realm}}
}
