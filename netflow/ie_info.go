package netflow

import "github.com/flowferry/flowferry/flow"

// infoElement is one row of the table of elements that are not of the record but of its Meta:
// names, texts and what belongs to them. To add one: a row here.
type infoElement struct {
	pen uint32
	id  uint16
	op  op
}

// The elements of makers also come as field types of NetFlow v9, which has no enterprise
// numbers; home finds them. Of several for one datum the first in the template is used and the
// others, where they differ, are kept as they came.
var infoElements = [...]infoElement{
	// IANA, and NetFlow v9 field types without a home.
	{penIANA, ieApplicationName, opAppName},
	{penIANA, ieUserName, opUser},
	{penIANA, ieHTTPStatusCode, opHTTPStatus},
	{penIANA, ieHTTPRequestMethod, opHTTPMethod},
	{penIANA, ieHTTPRequestHost, opHTTPHost},
	{penIANA, ieHTTPRequestTarget, opHTTPURL},
	{penIANA, ieHTTPMessageVersion, opHTTPVersion},
	{penIANA, ieHTTPUserAgent, opHTTPUserAgent},
	{penIANA, ieHTTPContentType, opHTTPType},
	{penIANA, nfUsername, opUser},
	{penIANA, nfFwExtEvent, opEventCode},
	{penIANA, nfPaloAltoAppID, opAppName},
	{penIANA, nfPaloAltoUserID, opUser},
	{penIANA, ieBasicList, opBasicList},
	{penIANA, ieSubTemplateList, opSubList},
	{penIANA, ieSubTemplateMultiList, opSubMultiList},
	{penPalo, nfPaloAltoAppID &^ topBit, opAppName},
	{penPalo, nfPaloAltoUserID &^ topBit, opUser},
	// Cisco AVC.
	{penCisco, avcApplication, opSubApp},
	// Barracuda NextGen Firewall.
	{penPhion, 5, opAppName}, // ServiceName
	{penPhion, 7, opReason},  // ReasonText
	// Nokia BRAS.
	{penNokia, 93, opUser}, // natSubString
	// Citrix NetScaler (AppFlow).
	{penCitrix, 130, opHTTPURL},
	{penCitrix, 140, opHTTPReferrer},
	{penCitrix, 141, opHTTPMethod},
	{penCitrix, 142, opHTTPHost},
	{penCitrix, 143, opHTTPUserAgent},
	{penCitrix, 144, opHTTPStatus},
	{penCitrix, 152, opAppName},
	{penCitrix, 183, opHTTPType},
	{penCitrix, 205, opUser}, // netscalerAaaUsername
	{penCitrix, 250, opUser}, // netscalerIcaUsername
	// Procera.
	{penProcera, 1, opAppName}, // proceraService
	{penProcera, 19, opHTTPMethod},
	{penProcera, 20, opHTTPUserAgent},
	{penProcera, 21, opHTTPType},
	{penProcera, 22, opHTTPURL},
	{penProcera, 23, opHTTPReferrer},
	{penProcera, 24, opHTTPStatus},
	{penProcera, 28, opUser}, // proceraSubscriberIdentifier
	{penProcera, 46, opHTTPVersion},
	// Ixia.
	{penIxia, 111, opAppName},
	{penIxia, 182, opHTTPUserAgent},
	{penIxia, 183, opHTTPHost},
	{penIxia, 184, opHTTPURL},
	{penIxia, 189, opDNSName},
	// Gigamon.
	{penGigamon, 1, opHTTPURL},
	{penGigamon, 2, opHTTPStatus},
	{penGigamon, 103, opTLSIssuer},
	{penGigamon, 104, opTLSSubject},
	{penGigamon, 107, opTLSSerial},
	{penGigamon, 112, opTLSName},
	{penGigamon, 113, opTLSVersion},
	{penGigamon, 114, opTLSCipher},
	{penGigamon, 201, opDNSID},
	{penGigamon, 203, opDNSRcode},
	{penGigamon, 204, opDNSName},
	{penGigamon, 211, opDNSAnswers},
	{penGigamon, 214, opDNSType},
	// nProbe.
	{penNtop, 119, opAppName}, // L7_PROTO_NAME
	{penNtop, 121, opUser},    // FLOW_USER_NAME
	{penNtop, 180, opHTTPURL},
	{penNtop, 181, opHTTPStatus},
	{penNtop, 182, opHTTPReferrer},
	{penNtop, 183, opHTTPUserAgent},
	{penNtop, 184, opHTTPType},
	{penNtop, 187, opHTTPHost},
	{penNtop, 188, opTLSName},
	{penNtop, 205, opDNSName},
	{penNtop, 206, opDNSID},
	{penNtop, 207, opDNSType},
	{penNtop, 208, opDNSRcode},
	{penNtop, 209, opDNSAnswers},
	{penNtop, 360, opHTTPMethod},
	{penNtop, 361, opHTTPHost}, // HTTP_SITE
	{penNtop, 427, opAppName},  // APPLICATION_NAME, of a collected Palo Alto flow
	{penNtop, 428, opUser},     // USER_NAME, likewise
	{penNtop, 493, opTLSCipher},
	{penNtop, 495, opTLSVersion},
	// CERT: YAF's deep packet inspection, in lists of RFC 6313, of version 2 and of version 3.
	{penCERT, 33, opSilkApp}, // silkAppLabel
	{penCERT, 110, opHTTPServer},
	{penCERT, 111, opHTTPUserAgent},
	{penCERT, 112, opHTTPGet},
	{penCERT, 114, opHTTPVersion},
	{penCERT, 115, opHTTPReferrer},
	{penCERT, 117, opHTTPHost},
	{penCERT, 122, opHTTPType},
	{penCERT, 123, opHTTPStatus}, // httpResponse: "200 OK"
	{penCERT, certServerCipher, opTLSCipher},
	{penCERT, certRecordVersion, opTLSVersion},
	{penCERT, certServerName, opTLSName},
	{penCERT, 338, opBasicList}, // httpServerStringList and so on
	{penCERT, 339, opBasicList},
	{penCERT, 340, opBasicList},
	{penCERT, 341, opBasicList},
	{penCERT, 342, opBasicList},
	{penCERT, 343, opBasicList},
	{penCERT, 344, opBasicList},
	{penCERT, 345, opBasicList},
	{penCERT, 346, opBasicList},
	{penCERT, 347, opBasicList},
	{penCERT, 348, opBasicList},
	{penCERT, 349, opBasicList},
	{penCERT, 350, opBasicList},
	{penCERT, 351, opBasicList},
	{penCERT, 389, opBasicList}, // sslCipherList
	{penCERT, 390, opBasicList}, // httpCookieList
	{penCERT, 391, opBasicList}, // httpSetCookieList
	{penCERT, 425, opSubList},   // sslCertList
	{penCERT, certIssuerList, opSubList},
	{penCERT, certSubjectList, opSubList},
	{penCERT, certExtensionList, opSubList},
	{penCERT, 431, opSubList}, // dnsDetailRecordList
	{penCERT, 432, opSubList}, // yafDPIList
}

// Elements of CERT that are looked at together.
const (
	certQueryResponse = 174 // 0 is a query, 1 a response
	certRRType        = 175
	certRcode         = 177
	certSection       = 178 // 0 question, 1 answer, 2 authority, 3 additional
	certRRName        = 179
	certCNAME         = 180
	certMXPreference  = 181
	certMXExchange    = 182
	certNSDName       = 183
	certPTRDName      = 184
	certServerCipher  = 187
	certTTL           = 199
	certTXT           = 208
	certSRVPriority   = 216
	certSRVWeight     = 217
	certSRVPort       = 218
	certSRVTarget     = 219
	certDNSID         = 226
	certSerial        = 244
	certObjectType    = 245 // last arc of the attribute's object identifier
	certObjectValue   = 246
	certNotBefore     = 247
	certNotAfter      = 248
	certRecordVersion = 288
	certServerName    = 294
	certDNSA          = 302
	certDNSAAAA       = 303
	certIssuerList    = 426
	certSubjectList   = 427
	certExtensionList = 428
)

// silkApps are the values of YAF's silkAppLabel, the well-known port of the protocol that was
// recognised, for those protocols that have a label here.
var silkApps = map[uint64]flow.App{
	21: flow.AppFTP, 22: flow.AppSSH, 25: flow.AppSMTP, 53: flow.AppDNS, 67: flow.AppDHCP, 80: flow.AppHTTP,
	110: flow.AppPOP3, 123: flow.AppNTP, 143: flow.AppIMAP, 161: flow.AppSNMP, 139: flow.AppSMB, 389: flow.AppLDAP,
	443: flow.AppTLS, 554: flow.AppRTSP, 3389: flow.AppRDP, 5060: flow.AppSIP,
}
