using Latchkey.Protocol.Jose;

namespace Latchkey.ResourceServer.Introspection;

/// <summary>Which access tokens are held against the provider's own answer (RFC 7662) rather than against its keys.</summary>
public enum IntrospectionMode
{
    /// <summary>None: access tokens are JWTs, and a token that is none is refused. The default.</summary>
    Off,

    /// <summary>Those that are no JWTs.</summary>
    OpaqueTokens,

    /// <summary>All: a revoked JWT is refused too, within <see cref="IntrospectionOptions.CacheLifetime"/>. A JWT must hold by itself first.</summary>
    AllTokens,
}

/// <summary>How the provider is asked about tokens, RFC 7662.</summary>
public sealed class IntrospectionOptions
{
    /// <summary>Which tokens it is asked about.</summary>
    public IntrospectionMode Mode { get; set; }

    /// <summary>The client that this API is at the provider (RFC 7662 section 2.1); required unless the mode is off.</summary>
    public string? ClientId { get; set; }

    /// <summary>Its secret, sent as <c>client_secret_basic</c> unless <see cref="SecretInBody"/> is set.</summary>
    public string? ClientSecret { get; set; }

    /// <summary>Whether the secret is sent as <c>client_secret_post</c>.</summary>
    public bool SecretInBody { get; set; }

    /// <summary>Its private key in place of a secret, for <c>private_key_jwt</c> (RFC 7523 as RFC 10070 changes it).</summary>
    public JwsSigner? PrivateKey { get; set; }

    /// <summary>
    /// How long an answer counts, 60 seconds unless set, and never beyond the token's <c>exp</c>: a revoked token works no longer than this.
    /// Zero asks for every request.
    /// </summary>
    public TimeSpan CacheLifetime { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How long it is remembered that a token is not active: 5 seconds unless set.</summary>
    public TimeSpan InactiveCacheLifetime { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The most tokens whose answers are remembered, 10,000 unless set; of inactive ones as many again.</summary>
    public int CacheCapacity { get; set; } = 10_000;

    /// <summary>The most tokens that the provider is asked about at once, 100 unless set; requests beyond are answered 503.</summary>
    public int MaximumParallel { get; set; } = 100;

    /// <summary>
    /// Whether an answer without <c>aud</c> is taken, for providers that never name one. Off unless set: then every token of the provider would do,
    /// whichever API it was meant for.
    /// </summary>
    public bool AllowMissingAudience { get; set; }

    /// <summary>What is wrong with the options, as one sentence; null if nothing is.</summary>
    internal string? Fault
    {
        get
        {
            if (Mode == IntrospectionMode.Off) return null;
            if (string.IsNullOrEmpty(ClientId)) return "Introspection.ClientId is missing: the provider tells about tokens only to clients that it knows.";
            if (string.IsNullOrEmpty(ClientSecret) == PrivateKey is null) return "Introspection needs either a ClientSecret or a PrivateKey.";
            if (CacheLifetime < TimeSpan.Zero || CacheLifetime > TimeSpan.FromSeconds(60)) return "Introspection.CacheLifetime lies between 0 and 60 seconds: for so long a revoked token still works.";
            if (InactiveCacheLifetime < TimeSpan.Zero || InactiveCacheLifetime > TimeSpan.FromSeconds(60)) return "Introspection.InactiveCacheLifetime lies between 0 and 60 seconds.";
            if (CacheCapacity < 1 || MaximumParallel < 1) return "Introspection.CacheCapacity and MaximumParallel are at least 1.";
            return null;
        }
    }

    /// <summary>Never shows the secret.</summary>
    public override string ToString() => $"Introspection of {Mode} as {ClientId}";
}
