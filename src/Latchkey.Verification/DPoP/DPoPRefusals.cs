using Latchkey.Protocol;

namespace Latchkey.Verification.DPoP;

/// <summary>Everything that can be wrong with a proof, one code for each check.</summary>
internal static class DPoPRefusals
{
    public const string StoreFullCode = "LK-DPOP-STORE-FULL";
    public const string StoreFailedCode = "LK-DPOP-STORE-FAILED";

    private const string NewProof = "Make a new proof for each request.";
    private const string Library = "Let a DPoP library make the proof.";

    public static Refusal Missing { get; } = new("LK-DPOP-MISSING", "The request has no DPoP header, and this token needs a proof.", "RFC 9449 7.1", "Send a proof in the header DPoP.");

    public static Refusal Several { get; } = new("LK-DPOP-SEVERAL", "The request has more than one DPoP header.", "RFC 9449 4.3 (1)", "Send one proof.");

    public static Refusal Type { get; } = new("LK-DPOP-TYPE", "The typ of the proof is not dpop+jwt.", "RFC 9449 4.3 (4)", "Set the header's typ to dpop+jwt.");

    public static Refusal KeyMissing { get; } = new("LK-DPOP-KEY-MISSING", "The proof has no key: its header has no object jwk.", "RFC 9449 4.2", "Put the public key into the header's jwk.");

    public static Refusal KeyPrivate { get; } = new("LK-DPOP-KEY-PRIVATE",
        "The jwk of the proof holds a private or symmetric key, which is known to others from now on.", "RFC 9449 4.3 (7)", "Throw the key away, and put only the public half into jwk.");

    public static Refusal Signature { get; } = new("LK-DPOP-SIGNATURE", "The signature of the proof is not that of its jwk.", "RFC 9449 4.3 (6)", "Sign with the private half of the key that is in jwk.");

    public static Refusal IdMissing { get; } = new("LK-DPOP-ID-MISSING", "The proof has no jti of 1 to 256 characters.", "RFC 9449 4.2", "Give each proof a random jti.");

    public static Refusal MethodMissing { get; } = new("LK-DPOP-METHOD-MISSING", "The proof has no htm.", "RFC 9449 4.2", Library);

    public static Refusal TargetMissing { get; } = new("LK-DPOP-TARGET-MISSING", "The proof has no htu.", "RFC 9449 4.2", Library);

    public static Refusal TimeMissing { get; } = new("LK-DPOP-TIME-MISSING", "The proof has no iat that is a number.", "RFC 9449 4.2", Library);

    public static Refusal TokenHashMissing { get; } = new("LK-DPOP-TOKEN-MISSING", "The proof has no ath, so it could be for any token.", "RFC 9449 4.2", "Set ath to the base64url of the SHA-256 of the access token.");

    public static Refusal TokenHash { get; } = new("LK-DPOP-TOKEN", "The ath of the proof is not the hash of the access token that came with it.", "RFC 9449 4.3 (12)", "Set ath to the base64url of the SHA-256 of the access token.");

    public static Refusal OtherKey { get; } = new("LK-DPOP-KEY-OTHER", "The proof's key is not the one that the token is bound to.", "RFC 9449 4.3 (12)", "Sign with the key that the token was asked for with; if it is lost, get a new token.");

    public static Refusal Expired { get; } = new("LK-DPOP-EXPIRED", "The proof has an exp, and it has passed.", "RFC 7519 4.1.4", NewProof);

    public static Refusal NonceMissing { get; } = new("LK-DPOP-NONCE-MISSING", "The proof has no nonce, and this server asks for one.", "RFC 9449 4.3 (10)", "Make a new proof with the nonce of the header DPoP-Nonce.");

    public static Refusal NonceStale { get; } = new("LK-DPOP-NONCE-STALE", "The nonce of the proof is no longer taken.", "RFC 9449 4.3 (10)", "Make a new proof with the nonce of the header DPoP-Nonce.");

    public static Refusal NonceUnknown { get; } = new("LK-DPOP-NONCE-UNKNOWN", "The nonce of the proof is not this server's.", "RFC 9449 4.3 (10)",
        "Make a new proof with the nonce of the header DPoP-Nonce; if that comes again and again, give all nodes of the server one nonce secret.");

    public static Refusal Replayed { get; } = new("LK-DPOP-REPLAYED", "The proof was used before.", "RFC 9449 11.1", NewProof);

    public static Refusal StoreFullForKey { get; } = new("LK-DPOP-STORE-FULL-FOR-KEY", "This key has used as many proofs as one key may within their lifetime.", "RFC 9449 11.1",
        "Send fewer requests, or raise the replay store's capacity for a key.");

    public static Refusal StoreFull { get; } = new(StoreFullCode, "There is no room to remember the proof, so it can't be taken.", "RFC 9449 11.1", "Raise the replay store's capacity.");

    public static Refusal StoreFailed(Exception exception) => new(StoreFailedCode, $"The replay store failed with {exception.GetType().Name}, so the proof can't be taken.", "RFC 9449 11.1", "See to the replay store.");

    public static Refusal Malformed(Refusal jws) => new("LK-DPOP-MALFORMED", $"The proof is no signed JWT: {jws.Reason}", "RFC 9449 4.3 (2)", jws.Mend);

    public static Refusal Algorithm(IReadOnlyList<string> taken) => new("LK-DPOP-ALGORITHM",
        $"The alg of the proof is not one of {string.Join(", ", taken)}.", "RFC 9449 4.3 (5)", "Sign with one of them.");

    public static Refusal Key(string algorithm) => new("LK-DPOP-KEY",
        $"The jwk of the proof is no public key for {algorithm}: RSA of 2048 to 8192 bits, or elliptic on the curve that the algorithm names.", "RFC 9449 4.3 (6)", "Make a key for the algorithm.");

    public static Refusal Method(string method) => new("LK-DPOP-METHOD", $"The htm of the proof is not {method}, the method of the request.", "RFC 9449 4.3 (8)", NewProof);

    public static Refusal Target(IReadOnlyList<string> targets) => new("LK-DPOP-TARGET",
        $"The htu of the proof is not {string.Join(" or ", targets)}, the address of the request.", "RFC 9449 4.3 (9)",
        "Set htu to the request's address; if the server is reached by another one, configure it there.");

    /// <summary>The offset is told outwards too: a clock that is wrong is mended once it is known by how much.</summary>
    public static Refusal Time(long offset, TimeSpan tolerance) => new("LK-DPOP-TIME",
        $"The iat of the proof is {Math.Abs(offset)} s {(offset < 0 ? "behind" : "ahead of")} this server's clock, and {tolerance.TotalSeconds:0} s are allowed.", "RFC 9449 4.3 (11)",
        $"Make a proof just before it is sent, and set the clock: iat is {Math.Abs(offset)} s {(offset < 0 ? "behind" : "ahead")}.");
}
