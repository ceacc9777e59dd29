using Latchkey.Testing;

namespace Latchkey.ResourceServer.Tests;

/// <summary>An authority and an API that stand for all tests of a class, one after the other.</summary>
public sealed class StandingApi : IAsyncLifetime
{
    public TestAuthority Authority { get; private set; } = null!;

    public GuardedApi Api { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Authority = await TestAuthority.StartAsync();
        Api = await GuardedApi.StartAsync(Authority);
    }

    public async ValueTask DisposeAsync()
    {
        await Api.DisposeAsync();
        await Authority.DisposeAsync();
    }
}
