using Latchkey.Client.AspNetCore.Bff;
using Latchkey.Client.AspNetCore.SignIn;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Forwarder;

namespace Latchkey.Client.AspNetCore;

/// <summary>The backend of a single-page app.</summary>
public static class LatchkeyBffEndpoints
{
    /// <summary>
    /// Maps the backend of a single-page app by RFC 10017 section 6.1: <c>/bff/user</c>, <c>/bff/login</c>, <c>/bff/logout</c>, and the way to the APIs
    /// that the options list. Needs <c>AddLatchkeySignIn</c>.
    /// </summary>
    /// <param name="endpoints">The app.</param>
    /// <param name="configure">Lists the APIs.</param>
    /// <returns>All of its endpoints, to add to.</returns>
    public static IEndpointConventionBuilder MapLatchkeyBff(this IEndpointRouteBuilder endpoints, Action<BffOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        var options = new BffOptions();
        configure?.Invoke(options);
        var services = endpoints.ServiceProvider;
        var scheme = options.Scheme ?? Scheme(services);
        var signIn = services.GetRequiredService<IOptionsMonitor<LatchkeySignInOptions>>();
        var parts = services.GetRequiredService<SignInParts>();
        var own = new BffEndpoints(options, scheme, services.GetRequiredService<ILoggerFactory>().CreateLogger<BffOptions>());
        var group = endpoints.MapGroup("");
        group.MapMethods(options.Path.Add("/user"), ["GET"], own.UserAsync);
        group.MapMethods(options.Path.Add("/login"), ["GET"], context => BffEndpoints.LoginAsync(context, signIn.Get(scheme)));
        group.MapMethods(options.Path.Add("/logout"), ["POST"], context => own.LogoutAsync(context, parts.Of(scheme, signIn.Get(scheme))));
        foreach (var api in options.Apis)
        {
            var forwarder = new ApiForwarder(options, api, services.GetRequiredService<IHttpForwarder>(), scheme);
            group.Map(RoutePatternFactory.Parse(api.Path.Value + "/{**rest}"), forwarder.HandleAsync);
        }

        return group;
    }

    private static string Scheme(IServiceProvider services)
    {
        var registered = services.GetRequiredService<IOptions<AuthenticationOptions>>().Value;
        // Others, such as the guard of an API in the same app, sign nobody in.
        if ((registered.DefaultScheme ?? Single([.. registered.Schemes.Where(scheme => scheme.HandlerType == typeof(SignInHandler))])) is { } name) return name;
        throw new InvalidOperationException("The app signs people in by several schemes, or by none; say by options.Scheme which one is for this backend.");

        static string? Single(List<AuthenticationSchemeBuilder> schemes) => schemes.Count == 1 ? schemes[0].Name : null;
    }
}
