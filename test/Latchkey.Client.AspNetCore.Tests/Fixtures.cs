using Latchkey.Client.AspNetCore.Tests;
using Latchkey.Testing;

[assembly: AssemblyFixture(typeof(SharedAuthority))]

namespace Latchkey.Client.AspNetCore.Tests;

/// <summary>One authority for the tests that turn no clock and cause no mishap there.</summary>
public sealed class SharedAuthority : IAsyncLifetime
{
    public TestAuthority Authority { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Authority = await TestAuthority.StartAsync();

    public ValueTask DisposeAsync() => Authority.DisposeAsync();
}
