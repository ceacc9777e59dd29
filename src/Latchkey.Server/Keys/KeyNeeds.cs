using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;

namespace Latchkey.Server.Keys;

/// <summary>Which algorithms there must be keys for: the standing ones, and every one that a client or resource is declared with.</summary>
internal readonly struct KeyNeeds
{
    public KeyNeeds(IEnumerable<ClientMetadata> clients, IEnumerable<ResourceMetadata> resources)
    {
        var signing = new HashSet<string>(SigningAlgorithms.Standing, StringComparer.Ordinal);
        var decrypting = new HashSet<string>(StringComparer.Ordinal);
        foreach (var client in clients)
        {
            foreach (var algorithm in (ReadOnlySpan<string?>)[
                client.IdTokenSignedResponseAlg, client.UserinfoSignedResponseAlg, client.AuthorizationSignedResponseAlg, client.IntrospectionSignedResponseAlg])
            {
                if (algorithm is not null && SigningAlgorithms.Supported.Contains(algorithm)) signing.Add(algorithm);
            }

            if (client.RequestObjectEncryptionAlg is { } encryption && EncryptionAlgorithms.Keys.Contains(encryption)) decrypting.Add(encryption);
        }

        foreach (var resource in resources)
        {
            if (resource.AccessTokenSignedResponseAlg is { } algorithm && SigningAlgorithms.Supported.Contains(algorithm)) signing.Add(algorithm);
        }

        Signing = signing;
        Decrypting = decrypting;
    }

    /// <summary>JWS algorithms.</summary>
    public IReadOnlyCollection<string> Signing { get; }

    /// <summary>JWE algorithms that clients encrypt to the server with.</summary>
    public IReadOnlyCollection<string> Decrypting { get; }
}
