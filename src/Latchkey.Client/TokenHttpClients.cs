using Latchkey.Client.Tokens;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Client;

/// <summary>HTTP clients whose requests carry access tokens.</summary>
public static class TokenHttpClients
{
    /// <summary>
    /// Lets each request carry the client's own access token: fetched once, renewed before it ends and once after a 401. A request never goes out without;
    /// it throws <see cref="TokenUnavailableException"/> instead.
    /// </summary>
    /// <param name="builder">From <c>services.AddHttpClient&lt;Invoices&gt;()</c>.</param>
    /// <param name="client">The name given to <c>AddLatchkeyClient</c>.</param>
    /// <param name="scope">The scope to ask for; null for the client's own.</param>
    /// <param name="resource">The API it is for (RFC 8707); null for the client's own.</param>
    /// <param name="allowPlainHttp">See <see cref="TokenHandler.AllowPlainHttp"/>.</param>
    public static IHttpClientBuilder AddMachineToken(
        this IHttpClientBuilder builder, string client, string? scope = null, string? resource = null, bool allowPlainHttp = false)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(client);
        return builder.AddHttpMessageHandler(services => new TokenHandler(
            services.GetRequiredKeyedService<MachineTokens>(client).For(scope, resource), services.GetRequiredKeyedService<LatchkeyClient>(client))
        {
            AllowPlainHttp = allowPlainHttp,
        });
    }
}
