using Latchkey.Verification.DPoP;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Latchkey.ResourceServer;

/// <summary>Puts the guard before an API.</summary>
public static class ResourceServerExtensions
{
    /// <summary>
    /// Accepts access tokens of an authorization server, as <see cref="ResourceServerDefaults.AuthenticationScheme"/>. Authorization is added too;
    /// say what each endpoint wants by <see cref="EndpointRequirements.RequireScope{TBuilder}"/> and its kin. The protected resource metadata
    /// (RFC 9728) is served without further ado.
    /// </summary>
    /// <param name="builder">What <c>AddAuthentication</c> returned.</param>
    /// <param name="configure">Sets at least <see cref="ResourceServerOptions.Issuer"/> and <see cref="ResourceServerOptions.Resource"/>.</param>
    public static AuthenticationBuilder AddLatchkeyResourceServer(this AuthenticationBuilder builder, Action<ResourceServerOptions> configure) =>
        builder.AddLatchkeyResourceServer(ResourceServerDefaults.AuthenticationScheme, configure);

    /// <summary>As above, under a name of its own, for a program that is several APIs.</summary>
    /// <param name="builder">What <c>AddAuthentication</c> returned.</param>
    /// <param name="authenticationScheme">The scheme's name.</param>
    /// <param name="configure">Sets at least <see cref="ResourceServerOptions.Issuer"/> and <see cref="ResourceServerOptions.Resource"/>.</param>
    public static AuthenticationBuilder AddLatchkeyResourceServer(
        this AuthenticationBuilder builder, string authenticationScheme, Action<ResourceServerOptions> configure)
    {
        builder.Services.AddAuthorization();
        // A wrong setting is told when the program starts, not when the first caller comes.
        builder.Services.AddOptions<ResourceServerOptions>(authenticationScheme)
            .PostConfigure<IServiceProvider>((options, services) =>
            {
                options.TimeProvider ??= services.GetService<TimeProvider>();
                options.DPoP.ReplayStore ??= services.GetService<IReplayStore>();
            })
            .Validate(options =>
            {
                options.Validate(authenticationScheme);
                return true;
            })
            .ValidateOnStart();
        builder.Services.Configure(authenticationScheme, configure);
        builder.Services.TryAddTransient<AccessTokenHandler>();
        builder.Services.Configure<AuthenticationOptions>(options => options.AddScheme<AccessTokenHandler>(authenticationScheme, displayName: null));
        return builder;
    }
}
