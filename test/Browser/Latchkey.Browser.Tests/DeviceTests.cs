using System.Net;
using Latchkey.Browser.Tests.Site;
using static Microsoft.Playwright.Assertions;

namespace Latchkey.Browser.Tests;

/// <summary>Bringing a device's code to a browser.</summary>
public sealed class DeviceTests(DemoSite site)
{
    [Theory, InlineData(true), InlineData(false)]
    [Spec("RFC 8628", "3.3"), Spec("RFC 8628", "5.4")]
    public Task Who_types_the_code_and_allows_connects_the_device(bool scripts) => site.VisitAsync(
        async visitor =>
        {
            var started = (await site.Device.DeviceAsync("openid profile")).Expect(HttpStatusCode.OK);
            await visitor.Page.GotoAsync(started["verification_uri"]!);
            await visitor.ExpectTitleAsync("Connect a device");
            // As people type: small letters, no dash.
            await visitor.Page.GetByLabel("Code").FillAsync(started["user_code"]!.Replace("-", " ", StringComparison.Ordinal).ToLowerInvariant());
            await visitor.PressAsync("Continue");
            await visitor.SignInAsync(site.Newcomer());
            await visitor.ExpectTitleAsync("Is this your device?");
            await Expect(visitor.Page.Locator(".code-shown")).ToHaveTextAsync(started["user_code"]!);
            await visitor.PressAsync("Allow");
            await visitor.ExpectTitleAsync("Device connected");
            (await site.Device.PollAsync(started["device_code"]!)).Expect(HttpStatusCode.OK);
        },
        options => options.JavaScriptEnabled = scripts);

    [Fact, Spec("RFC 8628", "3.3.1"), Spec("RFC 8628", "3.5")]
    public Task A_link_with_the_code_decides_nothing_and_who_denies_ends_it() => site.VisitAsync(async visitor =>
    {
        await visitor.SignInToAccountAsync(site.Newcomer());
        var started = (await site.Device.DeviceAsync("openid profile")).Expect(HttpStatusCode.OK);
        await visitor.Page.GotoAsync(started["verification_uri_complete"]!);
        await visitor.ExpectTitleAsync("Is this your device?");
        await Expect(visitor.Page.Locator(".code-shown")).ToHaveTextAsync(started["user_code"]!);
        await visitor.PressAsync("Deny");
        await visitor.ExpectTitleAsync("Device not connected");
        (await site.Device.PollAsync(started["device_code"]!)).ExpectError("access_denied");
    });

    [Fact, Spec("RFC 8628", "5.1")]
    public Task A_wrong_code_is_announced_and_stays_to_be_mended() => site.VisitAsync(async visitor =>
    {
        await visitor.OpenAsync("/device");
        await Expect(visitor.Page.GetByLabel("Code")).ToBeFocusedAsync();
        await visitor.Page.GetByLabel("Code").FillAsync("BBBB-BBBB");
        await visitor.PressAsync("Continue");
        await visitor.ExpectTitleAsync("Error: Connect a device");
        await Expect(visitor.Page.GetByText("That code does not work.")).ToBeVisibleAsync();
        await Expect(visitor.Page.GetByLabel("Code")).ToHaveValueAsync("BBBB-BBBB");
        await Expect(visitor.Page.GetByLabel("Code")).ToHaveAttributeAsync("aria-invalid", "true");
    });
}
