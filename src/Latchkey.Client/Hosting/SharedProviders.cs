using System.Collections.Concurrent;
using Latchkey.Verification.Providers;

namespace Latchkey.Client.Hosting;

/// <summary>One <see cref="Provider"/> for each issuer, so that ten clients of it fetch its metadata and keys once.</summary>
internal sealed class SharedProviders
{
    private readonly ConcurrentDictionary<string, Provider> _providers = new(StringComparer.Ordinal);

    public Provider For(string issuer, HttpClient http, TimeProvider clock) =>
        _providers.GetOrAdd(issuer, static (issuer, by) => new Provider(issuer, by.http, by.clock), (http, clock));
}
