using System.Text.Json.Nodes;
using Latchkey.Protocol.Names;

namespace Latchkey.Testing.Tokens;

/// <content>One word each: what a resource server must refuse.</content>
public sealed partial class TokenBuilder
{
    /// <summary>Expired an hour ago.</summary>
    public TokenBuilder Expired() => Expired(TimeSpan.FromHours(1));

    /// <summary>Expired some time ago (RFC 9068 section 4).</summary>
    /// <param name="ago">How long ago; with more than a guard's clock skew it must be refused.</param>
    public TokenBuilder Expired(TimeSpan ago) => Claims(claims =>
    {
        var expired = Now - (long)ago.TotalSeconds;
        claims["exp"] = expired;
        claims["iat"] = expired - (long)_authority.Options.AccessTokenLifetime.TotalSeconds;
    });

    /// <summary><c>nbf</c> lies an hour ahead (RFC 7519 section 4.1.5).</summary>
    public TokenBuilder NotYetValid() => Claim("nbf", Now + 3600);

    /// <summary><c>iat</c> lies a day ahead.</summary>
    public TokenBuilder IssuedInTheFuture() => Claims(claims => (claims["iat"], claims["exp"]) = (Now + 86400, Now + 86400 + 900));

    /// <summary>Without <c>exp</c>, which RFC 9068 section 2.2 requires.</summary>
    public TokenBuilder NoExpiry() => MissingClaim("exp");

    /// <summary>For another API (RFC 9068 section 4).</summary>
    public TokenBuilder WrongAudience() => Audience("https://other-api.example");

    /// <summary>Of another issuer, with this authority's signature.</summary>
    public TokenBuilder WrongIssuer() => WrongIssuer("https://other-issuer.example");

    /// <summary>Of another issuer, with this authority's signature.</summary>
    /// <param name="issuer">The <c>iss</c>, such as this authority's with one more slash.</param>
    public TokenBuilder WrongIssuer(string issuer) => Claim("iss", issuer);

    /// <summary>Of another kind (RFC 9068 section 4, RFC 8725 section 3.11).</summary>
    /// <param name="type">The <c>typ</c>, such as <c>JWT</c>; null for none.</param>
    public TokenBuilder WrongType(string? type) => new(this, (header, _) =>
    {
        if (type is null) header.Remove("typ");
        else header["typ"] = type;
    }, null);

    /// <summary>Without a claim.</summary>
    /// <param name="name">Its name, such as <c>sub</c>.</param>
    public TokenBuilder MissingClaim(string name) => Claim(name, null);

    /// <summary>Signed with a key that is in no JWKS, under a <c>kid</c> of its own.</summary>
    public TokenBuilder UnknownKey() => Spoiled(Fault.UnknownKey);

    /// <summary>Signed with a key that is in no JWKS, under the <c>kid</c> of the authority's.</summary>
    public TokenBuilder ForgedKey() => Spoiled(Fault.OtherKeySameId);

    /// <summary>Signed with a key that is in no JWKS, but in the token's own header (<c>jwk</c>, RFC 8725 section 3.10).</summary>
    public TokenBuilder EmbeddedKey() => Spoiled(Fault.OwnKeyInside);

    /// <summary>
    /// Signed with a key that is in no JWKS, but where the token's header says (<c>jku</c>, RFC 8725 section 3.10): the authority has it there, so an API that
    /// goes for it gets it, and <see cref="TestAuthority.Requests"/> shows that it came.
    /// </summary>
    public TokenBuilder KeyElsewhere() => Spoiled(Fault.OwnKeyElsewhere);

    /// <summary>Its claims were changed after it was signed: it ends a year later.</summary>
    public TokenBuilder TamperedSignature() => Spoiled(Fault.Tampered);

    /// <summary>Its signature was taken away, its <c>alg</c> left.</summary>
    public TokenBuilder StrippedSignature() => Spoiled(Fault.Stripped);

    /// <summary>Unsigned, <c>alg</c> <c>none</c> (RFC 8725 section 3.2).</summary>
    public TokenBuilder AlgNone() => AlgNone("none");

    /// <summary>Unsigned.</summary>
    /// <param name="spelling">How <c>none</c> is written, such as <c>nOnE</c>.</param>
    public TokenBuilder AlgNone(string spelling) => new(this, null, _signing with { Fault = Fault.NoneAlgorithm, None = spelling });

    /// <summary>HS256 with the authority's public key as the secret (RFC 8725 section 2.1).</summary>
    /// <param name="form">How the key is made bytes.</param>
    public TokenBuilder HmacWithPublicKey(PublicKeyForm form = PublicKeyForm.Pem) => new(this, null, _signing with { Fault = Fault.PublicKeyAsSecret, Form = form });

    /// <summary>An ID token (OpenID Connect Core section 2) whose audience is the API all the same.</summary>
    public TokenBuilder AsIdToken() => new(this, (header, claims) =>
    {
        header["typ"] = JwtTypes.IdToken;
        claims["nonce"] = "n-0S6_WzA2Mj";
        claims["auth_time"] = Now;
        foreach (var name in (string[])["client_id", "scope", "jti"]) claims.Remove(name);
    }, null);

    /// <summary>A logout token (OpenID Connect Back-Channel Logout section 2.4) whose audience is the API all the same.</summary>
    public TokenBuilder AsLogoutToken() => new(this, (header, claims) =>
    {
        header["typ"] = "logout+jwt";
        claims["events"] = new JsonObject { ["http://schemas.openid.net/event/backchannel-logout"] = new JsonObject() };
        foreach (var name in (string[])["client_id", "scope"]) claims.Remove(name);
    }, null);

    private TokenBuilder Spoiled(Fault fault) => new(this, null, _signing with { Fault = fault });
}
