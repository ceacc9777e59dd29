using System.Collections.Concurrent;
using Latchkey.Protocol.Jose;
using Latchkey.Server.Admin;
using Latchkey.Storage;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Testing.Hosting;

/// <summary>Opens the authority's own signing keys, so that a test's tokens are signed as the server's are.</summary>
internal sealed class SigningKeyring(IServiceProvider services, IDataProtectionProvider protection) : IDisposable
{
    private readonly ConcurrentDictionary<string, JwsSigner> _open = new(StringComparer.Ordinal);
    private readonly IDataProtector _protector = protection.CreateProtector(SigningKeys.Protection);

    /// <summary>The key that signs with an algorithm now.</summary>
    /// <exception cref="ArgumentException">The server does not sign with it.</exception>
    public JwsSigner Current(string algorithm)
    {
        // The database is SQLite, whose reads are done when they return.
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow().ToUnixTimeMilliseconds();
        var rows = services.GetRequiredService<KeyAdministration>().ListAsync().AsTask().GetAwaiter().GetResult();
        var row = rows.FirstOrDefault(key => key.Algorithm == algorithm && KeyAdministration.StateOf(key, rows, now) == "signing")
            ?? throw new ArgumentException($"The authority has no {algorithm} key that signs now.", nameof(algorithm));
        return _open.GetOrAdd(row.KeyId, _ => JwsSigner.Open(row.Algorithm, row.KeyId, _protector.Unprotect(row.Wrapped)));
    }

    public void Dispose()
    {
        foreach (var signer in _open.Values) signer.Dispose();
    }
}
