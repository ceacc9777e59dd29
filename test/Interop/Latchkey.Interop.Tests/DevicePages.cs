namespace Latchkey.Interop.Tests;

/// <summary>What a person does on the pages of the device flow.</summary>
internal static class DevicePages
{
    /// <summary>Opens the page, types the code where it is asked for, signs in, and allows.</summary>
    public static async Task ApproveAsync(PageWalker person, string url, string? userCode = null)
    {
        var stop = await person.GetAsync(url);
        for (var pages = 0; pages < 6; pages++)
        {
            if (stop.Has("password")) stop = await person.SignInAsync(stop);
            else if (stop.Has("decision", "allow"))
            {
                stop = await person.SubmitAsync(stop, ("decision", "allow"));
                Assert.Equal(System.Net.HttpStatusCode.OK, stop.Status);
                return;
            }
            else if (stop.Has("user_code")) stop = await person.SubmitAsync(stop, userCode is null ? [] : [("user_code", userCode)]);
            else break;
        }

        Assert.Fail($"There is no confirmation at {stop}");
    }
}
