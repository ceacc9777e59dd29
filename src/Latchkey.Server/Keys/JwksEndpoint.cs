using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Keys;

/// <summary>
/// <c>GET /.well-known/jwks.json</c>: the public keys (RFC 7517 section 5) that sign now, are about to, or have signed tokens that are still good;
/// and those to encrypt request objects to.
/// It is sent as <c>application/json</c>: some clients refuse <c>application/jwk-set+json</c>, none refuses this.
/// </summary>
internal sealed class JwksEndpoint(ConfigurationSource source, ServerOptions options, TimeProvider clock)
{
    /// <summary>A retired key stays this much longer than its last token, for clocks that differ.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromHours(1);

    private volatile Published? _published;

    public Task HandleAsync(HttpContext context)
    {
        var configuration = source.Current;
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var published = _published;
        if (published is null || !ReferenceEquals(published.Of, configuration) || now >= published.Until)
            _published = published = Publish(configuration, now);
        return published.Document.WriteAsync(context);
    }

    private Published Publish(ServerConfiguration configuration, long now)
    {
        var kept = (long)(KeyKeeper.LongestTokenLifetime(options, configuration.Resources, configuration.Clients.Select(client => client.Metadata)) + Margin)
            .TotalMilliseconds;
        // The default algorithm and the key that signs first, for readers that look no further than the first key.
        var keys = configuration.Keys.Signing.Where(key => key.RetiredAt is null || now < key.RetiredAt + kept)
            .OrderBy(key => SigningAlgorithms.Supported.ToList().IndexOf(key.Signer.Algorithm)).ThenByDescending(key => key.SignsAt(now)).ThenBy(key => key.ActiveFrom)
            .ToList();
        var published = keys.Select(key => key.Signer.PublicKey).Concat(configuration.Keys.Decrypting.Select(key => key.PublicKey));
        var until = keys.Min(key => key.RetiredAt + kept) ?? long.MaxValue;
        return new(configuration, until, new StaticDocument(JsonWebKeyWriter.Set(published), options.JwksMaxAge));
    }

    private sealed record Published(ServerConfiguration Of, long Until, StaticDocument Document);
}
