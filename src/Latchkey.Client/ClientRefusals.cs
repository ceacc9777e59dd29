using System.Globalization;
using Latchkey.Protocol;

namespace Latchkey.Client;

/// <summary>Every check of a client that can fail, one code each. No reason holds a token, a code or a secret.</summary>
internal static class ClientRefusals
{
    private const string StartAgain = "Start the sign-in again.";
    private const string TellProvider = "This is for the provider to mend: nothing of its answer was used.";
    private const string MayBeAttack = "Start again; if it repeats, another server may be meddling with the sign-in.";

    // Endpoints

    public static Refusal NoEndpoint(string name, string issuer) => new("LK-CLIENT-ENDPOINT-MISSING",
        $"The metadata of {issuer} has no {name}.", "RFC 8414 2", "Use a provider that offers this, or another way.");

    public static Refusal BadEndpoint(string name, string issuer, string fault) => new("LK-CLIENT-ENDPOINT-INSECURE",
        $"The {name} in the metadata of {issuer} {fault}.", "OAuth 2.1 1.5", TellProvider);

    public static Refusal NoS256(string issuer) => new("LK-CLIENT-PKCE-UNSUPPORTED",
        $"The metadata of {issuer} names PKCE methods but not S256.", "RFC 9700 2.1.1", "Use a provider that supports PKCE with S256.");

    public static Refusal NotDecrypted() => new("LK-CLIENT-NOT-DECRYPTED",
        "What the provider sent is encrypted to none of this client's keys, or was changed on the way.", "RFC 7516 5.2",
        "Give the provider the public halves of DecryptionKeys, with the same kid, and keep an old key until the provider has the new one.");

    // Callback

    public static Refusal TransactionUsed() => new("LK-CLIENT-TRANSACTION-USED",
        "This sign-in was completed, or tried to be, before; its record is good once.", "RFC 9700 4.7.1", StartAgain);

    public static Refusal TransactionExpired() => new("LK-CLIENT-TRANSACTION-EXPIRED",
        "This sign-in took longer than its record lives.", "RFC 9700 4.7.1", StartAgain);

    public static Refusal TransactionElsewhere() => new("LK-CLIENT-TRANSACTION-SESSION",
        "The sign-in was started in another browser session than the one it came back to.", "RFC 9700 4.7.1", MayBeAttack);

    public static Refusal TransactionOfOther(string what) => new("LK-CLIENT-TRANSACTION-MISMATCH",
        $"The sign-in was started for another {what} than that of this client.", "RFC 9700 4.4.2", "Complete it with the client that started it.");

    public static Refusal MalformedCallback(string fault) => new("LK-CLIENT-CALLBACK-MALFORMED", fault, "OAuth 2.1 3.1", MayBeAttack);

    public static Refusal RepeatedParameter() => new("LK-CLIENT-CALLBACK-REPEATED",
        "A parameter of the answer was sent more than once.", "OAuth 2.1 3.1", MayBeAttack);

    public static Refusal StateMissing() => new("LK-CLIENT-STATE-MISSING", "The answer has no state.", "RFC 6749 10.12", MayBeAttack);

    public static Refusal StateMismatch() => new("LK-CLIENT-STATE-MISMATCH",
        "The state of the answer is not that of this sign-in.", "RFC 6749 10.12", MayBeAttack);

    public static Refusal IssuerMissing(string issuer) => new("LK-CLIENT-ISS-MISSING",
        $"The answer has no iss, though {issuer} says that it always sends one.", "RFC 9207 2.4", MayBeAttack);

    public static Refusal IssuerMismatch(string issuer) => new("LK-CLIENT-ISS-MISMATCH",
        $"The iss of the answer is not {issuer}, character by character.", "RFC 9207 2.4", MayBeAttack);

    public static Refusal CodeMissing() => new("LK-CLIENT-CODE-MISSING",
        "The answer has neither a code nor an error.", "RFC 6749 4.1.2", TellProvider);

    public static Refusal SignedAnswerMissing() => new("LK-CLIENT-JARM-MISSING",
        "A signed answer was asked for, and a plain one came.", "JARM 2.4", MayBeAttack);

    public static Refusal SignedAnswerUnexpected() => new("LK-CLIENT-JARM-UNEXPECTED",
        "A signed answer came where a plain one was asked for.", "JARM 2.4", MayBeAttack);

    public static Refusal PushedRequestMalformed() => new("LK-CLIENT-PAR-MALFORMED",
        "The answer to the pushed authorization request has no request_uri and expires_in.", "RFC 9126 2.2", TellProvider);

    // Token answers

    public static Refusal TokenMissing() => new("LK-CLIENT-TOKEN-MISSING", "The token answer has no access_token.", "RFC 6749 5.1", TellProvider);

    public static Refusal TokenMalformed(string member) => new("LK-CLIENT-TOKEN-MALFORMED",
        $"The {member} of the token answer is not what the specification says it is.", "RFC 6749 5.1", TellProvider);

    public static Refusal TokenTypeMissing() => new("LK-CLIENT-TOKEN-TYPE-MISSING", "The token answer has no token_type.", "RFC 6749 5.1", TellProvider);

    public static Refusal TokenTypeUnknown() => new("LK-CLIENT-TOKEN-TYPE-UNKNOWN",
        "The token_type of the answer is neither Bearer nor DPoP, and a client must not use a token of a type it doesn't know.", "RFC 6749 7.1", TellProvider);

    public static Refusal TokenNotBound() => new("LK-CLIENT-TOKEN-NOT-BOUND",
        "A token bound to the DPoP key was asked for, and a bearer token came.", "RFC 9449 5", "Turn DPoP on for this client at the provider, or don't call UseDPoP.");

    public static Refusal TokenBoundUnasked() => new("LK-CLIENT-TOKEN-BOUND",
        "A DPoP token came, and no key was shown to bind it to.", "RFC 9449 5", "Call UseDPoP on the options.");

    public static Refusal IssuedTypeMissing() => new("LK-CLIENT-EXCHANGE-TYPE-MISSING",
        "The answer to the token exchange has no issued_token_type.", "RFC 8693 2.2.1", TellProvider);

    // ID tokens

    public static Refusal IdTokenMissing() => new("LK-CLIENT-ID-TOKEN-MISSING",
        "The scope openid was granted, but no ID token came.", "OIDC Core 3.1.3.3", TellProvider);

    public static Refusal IdTokenClaimMissing(string claim) => new("LK-CLIENT-ID-TOKEN-CLAIM",
        $"The ID token has no {claim}, or one of the wrong kind.", "OIDC Core 2", TellProvider);

    public static Refusal AuthorizedPartyMissing() => new("LK-CLIENT-ID-TOKEN-AZP-MISSING",
        "The ID token is for several audiences and does not say who asked for it (azp).", "OIDC Core 3.1.3.7", TellProvider);

    public static Refusal AuthorizedPartyMismatch() => new("LK-CLIENT-ID-TOKEN-AZP",
        "The azp of the ID token is another client.", "OIDC Core 3.1.3.7", MayBeAttack);

    public static Refusal NonceMissing() => new("LK-CLIENT-NONCE-MISSING", "The ID token has no nonce, though one was sent.", "OIDC Core 3.1.3.7", MayBeAttack);

    public static Refusal NonceMismatch() => new("LK-CLIENT-NONCE-MISMATCH",
        "The nonce of the ID token is not that of this sign-in.", "OIDC Core 3.1.3.7", MayBeAttack);

    public static Refusal AccessTokenHashMismatch() => new("LK-CLIENT-AT-HASH-MISMATCH",
        "The at_hash of the ID token does not belong to the access token it came with.", "OIDC Core 3.1.3.8", MayBeAttack);

    public static Refusal AuthenticationTooOld(int maxAge) => new("LK-CLIENT-AUTH-TIME",
        string.Create(CultureInfo.InvariantCulture, $"The person was to have signed in within {maxAge} s, and the ID token does not show that."),
        "OIDC Core 3.1.3.7", "Ask again with prompt=login.");

    public static Refusal RefreshedMismatch(string claim) => new("LK-CLIENT-REFRESH-MISMATCH",
        $"The {claim} of the refreshed ID token is not that of the first one.", "OIDC Core 12.2", MayBeAttack);

    // The rest

    public static Refusal UserInfoSubjectMissing() => new("LK-CLIENT-USERINFO-SUB-MISSING", "The userinfo answer has no sub.", "OIDC Core 5.3.2", TellProvider);

    public static Refusal UserInfoSubjectMismatch() => new("LK-CLIENT-USERINFO-SUB",
        "The userinfo answer is about another person than the ID token.", "OIDC Core 5.3.2", MayBeAttack);

    public static Refusal IntrospectionMalformed() => new("LK-CLIENT-INTROSPECTION-MALFORMED",
        "The introspection answer does not say whether the token is active.", "RFC 7662 2.2", TellProvider);

    public static Refusal DeviceAnswerMalformed(string member) => new("LK-CLIENT-DEVICE-MALFORMED",
        $"The {member} of the device authorization answer is missing or not what it must be.", "RFC 8628 3.2", TellProvider);

    public static Refusal DeviceCodeExpired() => new("LK-CLIENT-DEVICE-EXPIRED",
        "Nobody confirmed the code before it expired.", "RFC 8628 3.5", "Start again and show the new code.");

    public static Refusal BackchannelAnswerMalformed(string member) => new("LK-CLIENT-CIBA-MALFORMED",
        $"The {member} of the backchannel authentication answer is missing or not what it must be.", "CIBA Core 7.3", TellProvider);

    public static Refusal BackchannelRequestExpired() => new("LK-CLIENT-CIBA-EXPIRED",
        "The person did not decide before the request expired.", "CIBA Core 11", "Ask again.");
}
