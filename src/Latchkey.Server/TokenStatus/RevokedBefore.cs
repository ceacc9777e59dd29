using System.Text.Json;
using Latchkey.Server.Configuration;
using Latchkey.Server.Keys;

namespace Latchkey.Server.TokenStatus;

/// <summary>
/// The clients whose older tokens are all dead (<c>not_before</c>). It would take a bit for each of their tokens, so the list says it in one member of
/// Latchkey's own, <c>revoked_before</c>: the client, and the time before which its tokens were issued. An empty name, which no client has, stands for
/// all of them, whether somebody declared them or not.
/// </summary>
internal sealed class RevokedBefore : IEquatable<RevokedBefore>
{
    private const string Everybody = "";

    private static readonly RevokedBefore None = new([]);

    private readonly List<(string ClientId, long Seconds)> _limits;

    private RevokedBefore(List<(string ClientId, long Seconds)> limits) => _limits = limits;

    /// <summary>The limits that a token can still be alive to feel.</summary>
    /// <param name="configuration">The clients.</param>
    /// <param name="options">How long tokens live.</param>
    /// <param name="now">Unix seconds.</param>
    public static RevokedBefore Of(ServerConfiguration configuration, ServerOptions options, long now)
    {
        List<(string ClientId, long Seconds)>? limits = null;
        var since = now - (long)KeyKeeper.LongestTokenLifetime(options, configuration.Resources, configuration.Clients.Select(client => client.Metadata)).TotalSeconds - 60;
        if (configuration.NotBefore / 1000 > since) limits = [(Everybody, configuration.NotBefore / 1000)];
        foreach (var client in configuration.Clients)
        {
            // A token's time is in whole seconds: one that was made within the second of the limit is let live, as everywhere.
            if (client.NotBefore / 1000 > since) (limits ??= []).Add((client.Id, client.NotBefore / 1000));
        }

        limits?.Sort(static (left, right) => string.CompareOrdinal(left.ClientId, right.ClientId));
        return limits is null ? None : new(limits);
    }

    /// <summary>Writes the member, if there is anything to say.</summary>
    public void Write(Utf8JsonWriter json)
    {
        if (_limits.Count == 0) return;
        json.WriteStartObject("revoked_before"u8);
        foreach (var (clientId, seconds) in _limits) json.WriteNumber(clientId, seconds);
        json.WriteEndObject();
    }

    public bool Equals(RevokedBefore? other) => other is not null && _limits.SequenceEqual(other._limits);

    public override bool Equals(object? obj) => Equals(obj as RevokedBefore);

    public override int GetHashCode() => _limits.Count;
}
