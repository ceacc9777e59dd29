using Latchkey.Protocol;
using Latchkey.Testing.Tokens;

namespace Latchkey.Testing;

/// <summary>A DPoP proof that must be refused.</summary>
public sealed class NegativeProof
{
    private readonly Func<ProofBuilder, string> _make;

    internal NegativeProof(string check, string name, string source, Func<ProofBuilder, string> make) => (Check, Name, Source, _make) = (check, name, source, make);

    /// <summary>The check that it belongs to, such as <c>R29</c>.</summary>
    public string Check { get; }

    /// <summary>What is wrong with it, in words.</summary>
    public string Name { get; }

    /// <summary>Which document says that it must be refused.</summary>
    public string Source { get; }

    /// <summary>Makes the proof; the answer must be 401 <c>invalid_dpop_proof</c> at an API, 400 at a token endpoint.</summary>
    /// <param name="authority">The authority that the API trusts.</param>
    /// <param name="key">The key that the token is bound to.</param>
    /// <param name="method">The request's method.</param>
    /// <param name="url">The request's URL without query.</param>
    /// <param name="accessToken">The token; null at the token endpoint.</param>
    public string Create(TestAuthority authority, DPoPKey key, string method, string url, string? accessToken)
    {
        ArgumentNullException.ThrowIfNull(authority);
        var proof = authority.Proof(key, method, url);
        return _make(accessToken is null ? proof : proof.For(accessToken));
    }

    /// <summary>The check and what is wrong, as a test's name shows it.</summary>
    public override string ToString() => $"{Check} {Name}";
}

/// <summary>DPoP proofs that an API must refuse (RFC 9449 section 4.3), each with one fault, as the source of a theory.</summary>
public static class NegativeProofs
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<NegativeProof> All { get; } =
    [
        new("R21", "is garbage", "RFC 9449 4.3(2)", _ => "garbage"),
        new("R22", "has no typ", "RFC 9449 4.2", proof => proof.Header("typ", null)),
        new("R23", "has no alg", "RFC 9449 4.2", proof => proof.Header("alg", null)),
        new("R24", "has no jwk", "RFC 9449 4.2", proof => proof.Header("jwk", null)),
        new("R25", "has no jti", "RFC 9449 4.2", proof => proof.Claim("jti", null)),
        new("R26", "has no htm", "RFC 9449 4.2", proof => proof.Claim("htm", null)),
        new("R26", "has no htu", "RFC 9449 4.2", proof => proof.Claim("htu", null)),
        new("R27", "has no iat", "RFC 9449 4.2", proof => proof.Claim("iat", null)),
        new("R28", "is of type JWT", "RFC 9449 4.3(4)", proof => proof.WrongType()),
        new("R28", "is unsigned", "RFC 9449 4.3(5)", proof => proof.AlgNone()),
        new("R28", "has a symmetric algorithm", "RFC 9449 4.3(5)", proof => proof.Symmetric()),
        new("R28", "has a signature of another key", "RFC 9449 4.3(6)", proof => proof.ForgedKey()),
        new("R28", "was changed after signing", "RFC 9449 4.3(6)", proof => proof.TamperedSignature()),
        new("R28", "has a private key in its header", "RFC 9449 4.3(7)", proof => proof.WithPrivateKey()),
        new("R29", "is for another method", "RFC 9449 4.3(8)", proof => proof.WrongMethod()),
        new("R29", "is for another URL", "RFC 9449 4.3(9)", proof => proof.WrongUrl()),
        new("R30", "is an hour old", "RFC 9449 4.3(11)", proof => proof.Aged(TimeSpan.FromHours(1))),
        new("R30", "is from an hour ahead", "RFC 9449 4.3(11)", proof => proof.Aged(TimeSpan.FromHours(-1))),
    ];

    /// <summary>Those that are wrong only beside an access token: for another token, or of a key that the token is not bound to.</summary>
    public static IReadOnlyList<NegativeProof> WithToken { get; } =
    [
        new("R27", "has no ath", "RFC 9449 4.3(12)", proof => proof.Claim("ath", null)),
        new("R32", "is for another token", "RFC 9449 4.3(12)", proof => proof.WrongToken()),
        new("R32", "is of another key than the token is bound to", "RFC 9449 4.3(12)", proof => proof.OfAnotherKey()),
    ];
}
