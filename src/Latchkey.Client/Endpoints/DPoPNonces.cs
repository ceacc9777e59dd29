using System.Collections.Concurrent;
using System.Net.Http.Headers;
using Latchkey.Protocol;

namespace Latchkey.Client.Endpoints;

/// <summary>The last nonce that each server gave for proofs (RFC 9449 sections 8 and 9): a nonce is one server's, so the key is the origin.</summary>
internal sealed class DPoPNonces
{
    // A client speaks to a provider and some APIs; more origins than this are not worth remembering.
    private const int Maximum = 256;

    private readonly ConcurrentDictionary<string, string> _nonces = new(StringComparer.Ordinal);

    /// <summary>The nonce to use at an address; null before its server gave one.</summary>
    public string? For(Uri address) => _nonces.GetValueOrDefault(Origin(address));

    /// <summary>Remembers what an answer says; each newer nonce replaces the older.</summary>
    /// <returns>True if the answer brought a nonce.</returns>
    public bool Learn(Uri address, HttpResponseHeaders headers)
    {
        if (!headers.TryGetValues(DPoPProof.NonceHeaderName, out var values)) return false;
        var nonces = values.Take(2).ToList();
        // 1*NQCHAR (section 8.1); what is no nonce is not echoed.
        if (nonces is not [{ Length: > 0 and <= 1024 } nonce] || nonce.Any(character => character is <= ' ' or > '~' or '"' or '\\')) return false;
        var origin = Origin(address);
        if (_nonces.Count >= Maximum && !_nonces.ContainsKey(origin)) _nonces.Clear();
        _nonces[origin] = nonce;
        return true;
    }

    private static string Origin(Uri address) => address.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped);
}
