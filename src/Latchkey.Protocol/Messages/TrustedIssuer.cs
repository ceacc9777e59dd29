using System.Text.Json;
using System.Text.Json.Serialization;

namespace Latchkey.Protocol.Messages;

/// <summary>Somebody else who signs JWTs that are taken as grants (RFC 7523 section 2.1): a CI system, a cluster, a company's identity provider.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record TrustedIssuer
{
    /// <summary>Its identifier, the <c>iss</c> of its JWTs byte for byte.</summary>
    public string Issuer { get; set; } = "";

    /// <summary>Where its keys are; found from the issuer's metadata if neither this nor <see cref="Jwks"/> is there.</summary>
    public string? JwksUri { get; set; }

    /// <summary>Its keys by value.</summary>
    public JsonElement? Jwks { get; set; }

    /// <summary>What <c>aud</c> of its JWTs may be, one of these; this server's issuer if none is named.</summary>
    public IReadOnlyList<string> Audiences { get; set; } = [];

    /// <summary>
    /// Whether its JWTs are Identity Assertion JWT Authorization Grants (<c>typ</c> <c>oauth-id-jag+jwt</c>), made for one client each; otherwise they
    /// have the type <c>JWT</c> or none.
    /// </summary>
    public bool IdJag { get; set; }

    /// <summary>How long a JWT may live at most, <c>iat</c> to <c>exp</c>, in seconds; 3600 unless set.</summary>
    public int? MaximumLifetime { get; set; }

    /// <summary>Whether each JWT is good once, by its <c>jti</c>, which it must have then: true unless set.</summary>
    public bool SingleUse { get; set; } = true;

    /// <summary>Who gets what for its JWTs; one that no rule fits gets nothing.</summary>
    public IReadOnlyList<TrustedIssuerRule> Rules { get; set; } = [];
}

/// <summary>Who gets what for a JWT of a trusted issuer. The first rule that fits counts.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record TrustedIssuerRule
{
    /// <summary>The client that may bring such a JWT.</summary>
    public string ClientId { get; set; } = "";

    /// <summary>The client need not prove itself otherwise: the JWT is its proof. False unless set.</summary>
    public bool WithoutClientAuthentication { get; set; }

    /// <summary>
    /// Claims that the JWT must have, by name; in a value <c>*</c> stands for any text without slash or colon. An empty table fits every JWT.
    /// </summary>
    public IReadOnlyDictionary<string, string> Claims { get; set; } = new Dictionary<string, string>();

    /// <summary>
    /// The claim that names a person of this server, such as <c>sub</c> or <c>email</c>; if absent, the client acts for itself.
    /// </summary>
    public string? UserClaim { get; set; }

    /// <summary>What that claim is compared with: <c>sub</c>, or <c>username</c>, which is the default.</summary>
    public string UserMatch { get; set; } = "username";

    /// <summary>The scopes that may be had, separated by spaces; the client must have them as well.</summary>
    public string Scope { get; set; } = "";
}
