using Latchkey.Verification.Providers;

namespace Latchkey.Client.Tests;

/// <summary>Asserts about what was refused.</summary>
internal static class Refused
{
    /// <summary>The call must fail a check of ours, by this code, and its message must show none of the secrets.</summary>
    public static async Task<OAuthException> ByAsync(string code, Func<Task> call, params string[] secrets)
    {
        var exception = await Assert.ThrowsAsync<OAuthException>(call);
        Assert.Equal(code, exception.Refusal?.Code ?? $"(the provider's {exception.Error})");
        Assert.All(secrets, secret => Assert.DoesNotContain(secret, exception.ToString(), StringComparison.Ordinal));
        return exception;
    }

    /// <summary>The call must find the provider at fault, by this code.</summary>
    public static async Task<ProviderException> ProviderAsync(string code, Func<Task> call)
    {
        var exception = await Assert.ThrowsAsync<ProviderException>(call);
        Assert.Equal(code, exception.Refusal.Code);
        return exception;
    }

    /// <summary>The provider must have refused with this error.</summary>
    public static async Task<OAuthException> ErrorAsync(string error, Func<Task> call)
    {
        var exception = await Assert.ThrowsAsync<OAuthException>(call);
        Assert.Equal(error, exception.Error);
        Assert.Null(exception.Refusal);
        return exception;
    }
}
